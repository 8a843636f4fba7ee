"""A tiny planted shop: shoppers of one colour buy garments of that colour, and nothing else is true."""

import numpy as np
import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.schema import ItemRoles, Roles, Schema
from muslin.random import stream

COLOURS = ("red", "blue", "green", "black")


def shop(n_users: int = 160, n_items: int = 120, per_user: int = 8, seed: int = 0) -> Dataset:
    """Item j and shopper i are of colour j % 4 and i % 4; two neighbours of one colour are a family."""
    rng = stream(seed, "shop")
    items = np.arange(n_items)
    colour = items % len(COLOURS)
    family = items // (2 * len(COLOURS)) * len(COLOURS) + colour
    users = np.repeat(np.arange(n_users), per_user)
    bought = [rng.choice(items[colour == u % len(COLOURS)], per_user, replace=False) for u in range(n_users)]
    events = pl.DataFrame(
        {
            "user_id": [f"u{u:03}" for u in users],
            "item_id": [f"i{i:03}" for i in np.concatenate(bought)],
            "timestamp": pl.Series(np.arange(len(users)) * 3_600_000_000).cast(pl.Datetime("us", "UTC")),
            "event": ["purchase"] * len(users),
            "weight": pl.Series([5.0] * len(users), dtype=pl.Float32),
        }
    )
    return Dataset(
        Schema(name="shop", items=ItemRoles(categorical=("colour", "shape")), users=Roles(categorical=("colour",))),
        items=pl.DataFrame(
            {
                "item_id": [f"i{i:03}" for i in items],
                "family": [f"f{f:03}" for f in family],
                "domain": [("apparel", "accessories")[i // (2 * len(COLOURS)) % 2] for i in items],
                "colour": [COLOURS[c] for c in colour],
                "shape": [f"s{i // 8 % 3}" for i in items],
            }
        ),
        users=pl.DataFrame(
            {
                "user_id": [f"u{u:03}" for u in range(n_users)],
                "colour": [COLOURS[u % len(COLOURS)] for u in range(n_users)],
            }
        ),
        events=events,
    )


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return shop()
