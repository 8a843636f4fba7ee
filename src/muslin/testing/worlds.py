"""A small shop with known tastes, made in milliseconds: each shopper likes one colour and one kind of garment."""

import numpy as np
import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.schema import ItemRoles, Roles, Schema
from muslin.random import stream

COLOURS = ("red", "blue", "green", "black", "white", "ochre")
KINDS = {
    "dress": "womenswear",
    "skirt": "womenswear",
    "coat": "outerwear",
    "scarf": "accessories",
    "bag": "accessories",
}
TASTE = 8.0
"""How many times likelier a shopper takes a garment of their colour, and again of their kind."""


def tiny_shop(seed: int = 0, *, items: int = 150, users: int = 200, events: int = 2400) -> Dataset:
    """Dataset of `items` garments in families of two, `users` shoppers and `events` purchases over thirty days."""
    rng = stream(seed, "tiny_shop")
    kind = np.array(list(KINDS))[rng.integers(len(KINDS), size=(items + 1) // 2)].repeat(2)[:items]
    colour = np.array(COLOURS)[rng.integers(len(COLOURS), size=items)]
    liked_kind = np.array(list(KINDS))[rng.integers(len(KINDS), size=users)]
    liked_colour = np.array(COLOURS)[rng.integers(len(COLOURS), size=users)]
    appeal = rng.lognormal(0, 0.8, items)
    weight = appeal * TASTE ** ((liked_kind[:, None] == kind) * 1.0 + (liked_colour[:, None] == colour))
    cumulative = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    buyer = np.sort(rng.integers(users, size=events))
    bought = np.minimum((rng.random(events)[:, None] > cumulative[buyer]).sum(axis=1), items - 1)
    when = rng.integers(30 * 86_400, size=events) * 1_000_000 + 1_600_000_000_000_000
    return Dataset(_schema(), _items(kind, colour, rng), _users(liked_colour, rng), _events(buyer, bought, when))


def _schema() -> Schema:
    return Schema(
        name="tiny shop",
        items=ItemRoles(
            categorical=("department", "kind", "colour"),
            multi=("tags",),
            numeric=("price",),
            text=("title",),
            category=("department", "kind"),
            title="title",
            price="price",
        ),
        users=Roles(categorical=("favourite",), numeric=("age",)),
    )


def _items(kind: np.ndarray, colour: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    n = len(kind)
    department = [KINDS[k] for k in kind]
    return pl.DataFrame(
        {
            "item_id": [f"g{i:04d}" for i in range(n)],
            "family": [f"f{i // 2:04d}" for i in range(n)],
            "domain": ["accessories" if d == "accessories" else "apparel" for d in department],
            "department": department,
            "kind": kind.tolist(),
            "colour": colour.tolist(),
            "tags": [[c, "new"] if i % 3 else [] for i, c in enumerate(colour.tolist())],
            "price": np.round(rng.uniform(5, 100, n), 2),
            "title": [f"{c} {k}" for c, k in zip(colour, kind, strict=True)],
        },
        schema_overrides={"tags": pl.List(pl.String)},
    )


def _users(liked_colour: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    n = len(liked_colour)
    known = rng.random(n) < 0.8
    return pl.DataFrame(
        {
            "user_id": [f"u{i:04d}" for i in range(n)],
            "favourite": pl.Series([c if k else None for c, k in zip(liked_colour.tolist(), known, strict=True)]),
            "age": pl.Series(rng.integers(18, 70, n)).cast(pl.Float64),
        }
    )


def _events(buyer: np.ndarray, bought: np.ndarray, when: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "user_id": [f"u{u:04d}" for u in buyer],
            "item_id": [f"g{i:04d}" for i in bought],
            "timestamp": pl.Series(when).cast(pl.Datetime("us", "UTC")),
            "event": "purchase",
            "weight": pl.Series(np.full(len(buyer), 5.0, dtype=np.float32)),
        }
    )
    return frame.sort("timestamp", maintain_order=True)
