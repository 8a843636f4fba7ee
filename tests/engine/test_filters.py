import polars as pl
import pytest

from muslin.data.schema import ItemRoles, Schema
from muslin.engine.filters import Filters, allowed
from muslin.errors import UsageError

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "domain": ["apparel", "apparel", "accessories", "accessories"],
        "group": ["top", "top", "bag", None],
        "kind": ["tee", "shirt", None, "belt"],
        "price": [10.0, 20.0, None, 30.0],
        "stock": [1, 0, None, 3],
    }
)
SCHEMA = Schema(name="s", items=ItemRoles(category=("group", "kind"), price="price"))


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (Filters(), "abcd"),
        (Filters(in_stock=True), "acd"),
        (Filters(price=(10, 20)), "ab"),
        (Filters(price=(None, 25)), "ab"),
        (Filters(price=(15, None)), "bd"),
        (Filters(categories=["top"]), "ab"),
        (Filters(categories=["belt", "tee"]), "ad"),
        (Filters(domains=["accessories"]), "cd"),
        (Filters(exclude_items=["a", "zzz"]), "bcd"),
        (Filters(values={"kind": ["tee", "shirt"]}), "ab"),
        (Filters(categories=["top"], in_stock=True, price=(5, 15)), "a"),
    ],
)
def test_each_filter_keeps_what_it_says(filters, kept) -> None:
    mask = allowed(filters, ITEMS, SCHEMA)
    assert "".join(ITEMS.filter(pl.Series(mask))["item_id"]) == kept


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        (Filters(price=(0, 1)), "no_price"),
        (Filters(categories=["x"]), "no_category"),
        (Filters(values={"knd": ["x"]}), "unknown_column"),
    ],
)
def test_a_filter_the_catalogue_cannot_answer_is_an_error(filters, code) -> None:
    with pytest.raises(UsageError) as caught:
        allowed(filters, ITEMS, Schema(name="s"))
    assert caught.value.code == code
