"""What a catalogue can be filtered on, looked up once per model."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from muslin.data.dataset import Dataset
from muslin.engine.assortment.state import Assortment
from muslin.types import Ints

_COLUMNS = {
    "genders": ("gender", "genders"),
    "sizes": ("size", "sizes"),
    "brands": ("brand", "brands"),
}
"""Filter of the API -> columns that answer to it; the first that a catalogue has is taken."""


@dataclass(frozen=True)
class Vocabulary:
    """Filters a catalogue supports, and their values."""

    columns: Mapping[str, str]
    """Filter -> item column, for `genders`, `sizes` and `brands`."""
    values: Mapping[str, frozenset[str]]
    """Filter -> values that occur, for those and `categories` and `domains`; absent where unsupported."""
    priced: bool
    stocked: bool


class Words:
    """The vocabulary of a catalogue that changes, looked up once for each of its states."""

    def __init__(self) -> None:
        self._last: tuple[Ints, bool, Vocabulary] | None = None

    def of(self, state: Assortment) -> Vocabulary:
        """The vocabulary now; stocks alone do not change it."""
        dataset, last = state.model.world.dataset, self._last
        stocked = "stock" in dataset.items.columns
        if last is None or last[0] is not state.stamps or last[1] != stocked:
            last = self._last = (state.stamps, stocked, vocabulary(dataset))
        return last[2]


def vocabulary(dataset: Dataset) -> Vocabulary:
    """Vocabulary of a dataset's items."""
    items, roles = dataset.items, dataset.schema.items
    found = {name: next((c for c in options if c in items.columns), None) for name, options in _COLUMNS.items()}
    columns = {name: column for name, column in found.items() if column is not None}
    values = {name: _values(items, column) for name, column in columns.items()}
    values["domains"] = _values(items, "domain")
    if roles.category:
        values["categories"] = frozenset[str]().union(*(_values(items, level) for level in roles.category))
    return Vocabulary(columns, values, roles.price is not None, "stock" in items.columns)


def _values(items: pl.DataFrame, column: str) -> frozenset[str]:
    series = items[column]
    if isinstance(series.dtype, pl.List):
        series = series.explode()
    return frozenset(series.cast(pl.String).drop_nulls().unique().to_list())
