"""A shop of any size in seconds, for measuring the service: columns, prices, stock and events, but nobody's taste."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.schema import ItemRoles, Roles, Schema
from muslin.random import stream

_START = datetime(2024, 1, 1, tzinfo=UTC)
_DAYS = 60


def shop_of_size(items: int, shoppers: int, events: int, seed: int = 0) -> Dataset:
    """`items` garments in 40 categories; popularity falls as a power law, a tenth of the garments has no event."""
    rng = stream(seed, "shop of size")
    roles = ItemRoles(
        categorical=("department", "category", "colour", "brand", "gender"),
        multi=("sizes",),
        numeric=("price",),
        category=("department", "category"),
        price="price",
    )
    schema = Schema(name="size", items=roles, users=Roles(categorical=("club",)))
    return Dataset(schema, _items(items, rng), _users(shoppers, rng), _events(items, shoppers, events, rng))


def _items(n: int, rng: np.random.Generator) -> pl.DataFrame:
    category = rng.integers(40, size=n)
    sizes = np.array(["XS", "S", "M", "L", "XL"])

    def named(prefix: str, codes: np.ndarray) -> list[str]:
        return [f"{prefix}{code}" for code in codes]

    return pl.DataFrame(
        {
            "item_id": [f"g{place:06d}" for place in range(n)],
            "family": [f"f{place // 3}" for place in range(n)],
            "domain": np.where(category < 12, "accessories", "apparel").tolist(),
            "department": named("department", category % 5),
            "category": named("category", category),
            "colour": named("colour", rng.integers(30, size=n)),
            "brand": named("brand", rng.zipf(1.5, size=n) % 200),
            "gender": np.array(["F", "M", "U"])[rng.integers(3, size=n)].tolist(),
            "sizes": [sizes[np.sort(rng.choice(5, 3, replace=False))].tolist() for _ in range(n)],
            "price": rng.gamma(3, 12, size=n).round(2).clip(1),
            "stock": rng.integers(0, 6, size=n).astype(float),
        }
    )


def _users(n: int, rng: np.random.Generator) -> pl.DataFrame:
    club = np.array(["gold", "blue", "none"])[rng.integers(3, size=n)]
    return pl.DataFrame({"user_id": [f"u{place:06d}" for place in range(n)], "club": club.tolist()})


def _events(items: int, shoppers: int, n: int, rng: np.random.Generator) -> pl.DataFrame:
    chance = 1 / (1 + np.arange(items * 9 // 10)) ** 0.8
    item = rng.permutation(items)[rng.choice(len(chance), size=n, p=chance / chance.sum())]
    user = rng.integers(shoppers, size=n)
    when = np.sort(rng.integers(_DAYS * 86_400_000_000, size=n)) + int(_START.timestamp() * 1e6)
    frame = pl.DataFrame(
        {
            "user_id": [f"u{place:06d}" for place in user],
            "item_id": [f"g{place:06d}" for place in item],
            "timestamp": pl.Series(when).cast(pl.Datetime("us", "UTC")),
            "event": ["purchase"] * n,
            "weight": pl.Series(np.full(n, 5.0), dtype=pl.Float32),
        }
    )
    return frame.unique(["user_id", "item_id"], keep="first", maintain_order=True)
