from dataclasses import replace

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.schema import ItemRoles, Schema
from muslin.engine.newcomers import newcomers
from muslin.errors import DataError

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b"],
        "family": ["a", "b"],
        "domain": ["all", "all"],
        "kind": ["coat", None],
        "size": [38.0, None],
        "price": [9.5, 3.0],
        "title": ["A coat", "B"],
        "style": pl.Series([[0.5, 1.0, 2.0], None], dtype=pl.List(pl.Float32)),
        "year": [2024, 2025],
    }
)
ROLES = ItemRoles(
    categorical=("kind",), numeric=("size", "price"), text=("title",), vector=("style",), title="title", price="price"
)
EVENTS = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})
SHOP = Dataset(Schema(name="s", items=ROLES), ITEMS, EVENTS.select("user_id"), EVENTS)


def failure(rows: dict) -> DataError:
    with pytest.raises(DataError) as caught:
        newcomers(pl.DataFrame(rows, strict=False), SHOP)
    assert caught.value.fix
    return caught.value


def test_newcomers_come_in_the_catalogue_s_columns_and_types() -> None:
    found = newcomers(pl.DataFrame({"item_id": ["n", "m"], "style": [[1, 2, 4], None], "year": ["2026", None]}), SHOP)
    assert found.schema == ITEMS.schema
    assert found["style"].to_list() == [[1.0, 2.0, 4.0], None]
    assert found["year"].to_list() == [2026, None]
    assert found["family"].to_list() == ["n", "m"]
    assert found["title"].to_list() == [None, None]  # for people; here a garment may do without
    both = pl.concat([ITEMS, found])
    assert len(both) == 4


IDS = {"item_id": ["n1", "n2"]}


@pytest.mark.parametrize(
    ("columns", "code", "place", "says"),
    [
        ({"item_id": ["n1", ""]}, "empty_id", "garment 2", "empty"),
        ({"item_id": ["n1", "n 2"]}, "bad_id", "garment 2", "'n 2'"),
        ({"item_id": ["n1", "n1"], "kind": ["bag", "hat"]}, "duplicate_id", "garment 1", "'n1'"),
        (IDS | {"knd": [None, "bag"]}, "unknown_column", "garment 2", "'knd'"),
        (IDS | {"size": ["38", "large"]}, "not_a_number", "garment 2", "size 'large'"),
        (IDS | {"size": [38.0, float("inf")]}, "not_a_number", "garment 2", "size"),
        (IDS | {"price": ["3", "free"]}, "bad_price", "garment 2", "price 'free'"),
        (IDS | {"title": ["x", "x" * 10_001]}, "long_title", "garment 2", "title"),
        (IDS | {"style": [None, [1.0, 2.0]]}, "wrong_dimension", "garment 2", "2 numbers, not 3"),
        (IDS | {"style": [[1.0, 2.0, 3.0], [0.0] * 3]}, "zero_vector", "garment 2", "style: all numbers"),
        (IDS | {"style": [None, [1.0, float("nan"), 2.0]]}, "non_finite", "garment 2", "style"),
        (IDS | {"style": ["1, 2, 3", None]}, "wrong_type", "column 'style'", "vectors"),
        (IDS | {"kind": [["a"], ["b"]]}, "wrong_type", "column 'kind'", "text"),
        (IDS | {"year": ["2024", "soon"]}, "wrong_type", "column 'year'", "Int64"),
        ({"kind": ["bag"]}, "missing_column", "", "item_id"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_place(columns, code, place, says) -> None:
    error = failure(columns)
    assert (error.code, error.where) == (code, "items" + f", {place}" * bool(place))
    assert says in str(error)


def test_equal_rows_count_once() -> None:
    assert len(newcomers(pl.DataFrame({"item_id": ["n", "n"], "kind": ["bag", "bag"]}), SHOP)) == 1


def test_without_a_vector_to_compare_the_first_says_how_long_they_are() -> None:
    bare = replace(SHOP, items=ITEMS.with_columns(pl.lit(None, dtype=pl.List(pl.Float32)).alias("style")))
    found = newcomers(pl.DataFrame({"item_id": ["n"], "style": [[1.0, 2.0]]}), bare)
    assert found["style"].to_list() == [[1.0, 2.0]]
