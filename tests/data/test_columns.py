import math
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.columns import as_id, as_list, as_number, as_text
from muslin.errors import DataError


@given(st.lists(st.one_of(st.none(), st.text())))
def test_text_ids_stay_as_given(ids) -> None:
    assert as_id(pl.Series(ids, dtype=pl.String), "x").to_list() == ids


def test_whole_numbers_become_their_digits() -> None:
    assert as_id(pl.Series([7, -1, None]), "x").to_list() == ["7", "-1", None]
    assert as_id(pl.Series(["a", None], dtype=pl.Categorical), "x").to_list() == ["a", None]


def test_blank_text_is_missing_and_the_rest_stays() -> None:
    assert as_text(pl.Series(["", "  ", " a ", None]), "x").to_list() == [None, None, " a ", None]
    assert as_text(pl.Series([1, 2]), "x").to_list() == ["1", "2"]
    assert as_text(pl.Series([True, None]), "x").to_list() == ["true", None]


def test_lists_come_from_lists_and_from_bars() -> None:
    assert as_list(pl.Series(["a| b |", "", "|", None]), "x").to_list() == [["a", "b"], None, None, None]
    assert as_list(pl.Series([["a", " ", None, "b"], [], None]), "x").to_list() == [["a", "b"], None, None]
    assert as_list(pl.Series(["a"]), "x").dtype == pl.List(pl.String)


@pytest.mark.parametrize("text", ["19,99 €", "abc", "1 2", "nan", "inf", "-inf", "1e999", "0x10", "--1"])
def test_what_is_no_finite_number_is_nan(text) -> None:
    assert math.isnan(as_number(pl.Series([text]), "x")[0])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_as_text(value) -> None:
    assert as_number(pl.Series([f" {value!r} "]), "x")[0] == value


def test_missing_numbers_are_null() -> None:
    found = as_number(pl.Series(["", " ", None, "1.5"]), "x")
    assert found.to_list() == [None, None, None, 1.5]
    assert as_number(pl.Series([float("inf"), 2.0, None]), "x").to_list()[1:] == [2.0, None]
    assert as_number(pl.Series([True, False]), "x").to_list() == [1.0, 0.0]
    assert as_number(pl.Series([Decimal("1.25")]), "x").to_list() == [1.25]


@pytest.mark.parametrize(
    ("convert", "column"),
    [
        (as_id, pl.Series([1.0])),
        (as_id, pl.Series([["a"]])),
        (as_text, pl.Series([["a"]])),
        (as_list, pl.Series([1.5])),
        (as_list, pl.Series([[1]])),
        (as_number, pl.Series([date(2024, 1, 1)])),
        (as_number, pl.Series([["a"]])),
        (as_number, pl.Series([b"1"])),
    ],
)
def test_types_that_cannot_hold_it_are_refused_by_column(convert, column) -> None:
    with pytest.raises(DataError) as caught:
        convert(column, "items.parquet, column 'c'")
    assert (caught.value.code, caught.value.where) == ("wrong_type", "items.parquet, column 'c'")
    assert caught.value.fix
