"""Columns of a catalogue as numbers, looked up once for each: filters compare codes and not texts."""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl

from muslin.types import Bools, Ints


class Lookup:
    """Of `items` [N], whose rows do not change meanwhile. May be used from any thread."""

    def __init__(self, items: pl.DataFrame) -> None:
        self._items = items
        self._coded: dict[str, _Coded] = {}
        self._numbers: dict[str, np.ndarray] = {}
        self._stocked: tuple[pl.DataFrame, Bools] | None = None

    def any_of(self, column: str, values: Iterable[str]) -> Bools:
        """[N] whether the value, or one of the values of a list, is one of `values`; false where there is none."""
        coded = self._coded.get(column)
        if coded is None:
            coded = self._coded[column] = _coded(self._items[column])
        wanted = np.zeros(len(coded.place) + 1, dtype=bool)  # the last is for rows without a value
        wanted[[coded.place[value] for value in values if value in coded.place]] = True
        found = wanted[coded.code]
        if coded.row is None:
            return found
        out = np.zeros(len(self._items), dtype=bool)
        out[coded.row[found]] = True
        return out

    def number(self, column: str) -> np.ndarray:
        """[N] float64, NaN where there is none."""
        found = self._numbers.get(column)
        if found is None:
            found = self._numbers[column] = numbers(self._items[column])
        return found

    def in_stock(self, items: pl.DataFrame) -> Bools:
        """[N] false where `items`, the same but for their stock, are known to be sold out."""
        last = self._stocked
        if last is None or last[0] is not items:
            last = self._stocked = (items, ~(numbers(items["stock"]) <= 0))  # what is not known is NaN, and stays
        return last[1]

    @cached_property
    def row(self) -> dict[str, int]:
        """Row of each item."""
        return {name: row for row, name in enumerate(self._items["item_id"].to_list())}


class _Coded(NamedTuple):
    """`code` of each value, or of each element of all lists, whose `row` that is; `place`: code of a value."""

    code: Ints
    place: dict[str, int]
    row: Ints | None


def _coded(column: pl.Series) -> _Coded:
    row = None
    if isinstance(column.dtype, pl.List):
        counts = column.list.len().fill_null(0).to_numpy()
        row = np.repeat(np.arange(len(column)), counts)
        column = column.filter(pl.Series(counts > 0)).explode()
    text = column.cast(pl.String)
    names = text.drop_nulls().unique().sort().to_list()
    place = {name: code for code, name in enumerate(names)}
    code = text.replace_strict(names, list(range(len(names))), default=len(names), return_dtype=pl.Int64)
    return _Coded(code.fill_null(len(names)).to_numpy(), place, row)


def numbers(column: pl.Series) -> np.ndarray:
    """[N] float64, NaN where there is none."""
    return column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
