"""Filters by codes keep what a plain look at every row keeps."""

import math
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from muslin.data.schema import ItemRoles, Schema
from muslin.engine.filters import Filters, allowed
from muslin.engine.lookup import Lookup

SCHEMA = Schema(name="s", items=ItemRoles(category=("group", "kind"), price="price"))
WORDS = st.sampled_from(["a", "b", "c", "d", "none of them"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "domain": st.sampled_from(["a", "b"]),
            "group": st.none() | WORDS,
            "kind": st.none() | WORDS,
            "sizes": st.none() | st.lists(WORDS, max_size=3),
            "price": st.none() | st.sampled_from([1.0, 2.5, float("nan")]),
            "stock": st.none() | st.integers(-1, 2),
        }
    ),
    max_size=12,
)
FILTERS = st.builds(
    Filters,
    in_stock=st.booleans(),
    price=st.none() | st.sampled_from([(None, 2.0), (2.0, None), (1.0, 2.5), (None, None)]),
    categories=st.lists(WORDS, max_size=2),
    domains=st.lists(WORDS, max_size=2),
    exclude_items=st.lists(st.sampled_from(["i0", "i3", "zz"]), max_size=2),
    values=st.dictionaries(st.sampled_from(["kind", "sizes", "stock"]), st.lists(WORDS | st.just("1")), max_size=2),
)


def meets(row: dict[str, Any], filters: Filters) -> bool:
    """As the words of `Filters` say it."""
    price = row["price"]
    if filters.in_stock and row["stock"] is not None and row["stock"] <= 0:
        return False
    if filters.price is not None:
        low, high = filters.price
        if price is None or math.isnan(price) or price < (low or 0) or price > (high or math.inf):
            return False
    if filters.categories and not {row["group"], row["kind"]} & set(filters.categories):
        return False
    if filters.domains and row["domain"] not in filters.domains:
        return False
    if row["item_id"] in filters.exclude_items:
        return False
    for column, values in filters.values.items():
        own = row[column] if isinstance(row[column], list) else [] if row[column] is None else [str(row[column])]
        if not set(own) & set(values):
            return False
    return True


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, filters=FILTERS)
def test_filters_keep_what_a_plain_look_keeps(rows, filters) -> None:
    rows = [{"item_id": f"i{n}", **row} for n, row in enumerate(rows)]
    kinds = dict.fromkeys(("item_id", "domain", "group", "kind"), pl.String)
    schema = kinds | {"sizes": pl.List(pl.String), "price": pl.Float64, "stock": pl.Int64}
    items = pl.DataFrame(rows, schema=schema)
    lookup = Lookup(items)
    for _ in range(2):  # the second time from what was looked up
        found = allowed(filters, items, SCHEMA, lookup).tolist()
        assert found == [meets(row, filters) for row in rows]


def test_stock_is_read_as_it_is_now() -> None:
    items = pl.DataFrame({"item_id": ["a", "b"], "domain": ["x", "x"], "stock": [1, 0]})
    lookup = Lookup(items)
    assert allowed(Filters(in_stock=True), items, SCHEMA, lookup).tolist() == [True, False]
    sold = items.with_columns(stock=pl.Series([0, 5]))
    assert allowed(Filters(in_stock=True), sold, SCHEMA, lookup).tolist() == [False, True]
