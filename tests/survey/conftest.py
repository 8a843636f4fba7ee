"""A shop of hostile and missing values."""

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.schema import ItemRoles, Roles, Schema

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>"
LONG = "y" * 100_000
EVENTS = {
    "user_id": pl.String,
    "item_id": pl.String,
    "timestamp": pl.Datetime("us", "UTC"),
    "event": pl.String,
    "weight": pl.Float32,
}


def events(*pairs: tuple[str, str]) -> pl.DataFrame:
    rows = {
        "user_id": [user for user, _ in pairs],
        "item_id": [item for _, item in pairs],
        "timestamp": [0] * len(pairs),
        "event": ["purchase"] * len(pairs),
        "weight": [1.0] * len(pairs),
    }
    return pl.DataFrame(rows, schema=EVENTS)


@pytest.fixture
def hostile() -> Dataset:
    """Six garments of three families, two of them cold; values that are markup, escapes, very long, or missing."""
    roles = ItemRoles(
        categorical=("brand", EVIL),
        multi=("tags",),
        numeric=("price",),
        text=("title",),
        vector=("v",),
        title="title",
        price="price",
    )
    items = pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(6)],
            "family": ["a", "a", "b", "b", "c", "c"],
            "domain": ["x", "x", "x", "y", "y", EVIL],
            "brand": [EVIL, EVIL, LONG, "\x1b[31mred", None, "new"],
            EVIL: ["k", "k", None, None, None, None],
            "tags": [["p", "q"], ["p"], [], None, ["p", "z"], ["z"]],
            "price": [1.0, 2.0, 3.0, 4.0, None, 9.0],
            "title": ["Red dress", LONG, "红色 连衣裙", EVIL, "red 裙 coat", "coat"],
            "v": [[1.0, 2.0], None, [3.0, 4.0], None, None, None],
        },
        schema_overrides={"tags": pl.List(pl.String), "v": pl.List(pl.Float32)},
    )
    users = pl.DataFrame({"user_id": ["u0", "u1", "u2"], "age": [30.0, None, None]})
    log = events(("u0", "i0"), ("u0", "i1"), ("u1", "i2"), ("u1", "i3"))
    return Dataset(Schema(name=EVIL, items=roles, users=Roles(numeric=("age",))), items, users, log)


@pytest.fixture
def empty() -> Dataset:
    """No garment, no shopper, no event."""
    items = pl.DataFrame(schema={"item_id": pl.String, "family": pl.String, "domain": pl.String, "brand": pl.String})
    users = pl.DataFrame(schema={"user_id": pl.String})
    return Dataset(Schema(name="none", items=ItemRoles(categorical=("brand",))), items, users, events())
