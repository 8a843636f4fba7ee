"""Hard filters: which garments may be shown at all. A filter never changes a score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import polars as pl

from muslin.data.schema import Schema
from muslin.engine.lookup import Lookup
from muslin.errors import UsageError, nearest
from muslin.types import Bools


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Conditions a garment must meet, all of them; the default lets everything through."""

    in_stock: bool = False
    """Only items whose `stock` column is above zero; items without a known stock stay."""
    price: tuple[float | None, float | None] | None = None
    """Lowest and highest price, both inclusive; items without a price are left out when it is set."""
    categories: Sequence[str] = ()
    """Any level of the category path is one of these."""
    domains: Sequence[str] = ()
    """The domain is one of these."""
    exclude_items: Sequence[str] = ()
    """Not these items."""
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """For each named column, the value, or one of the values of a list, is one of these."""


def allowed(filters: Filters, items: pl.DataFrame, schema: Schema, lookup: Lookup | None = None) -> Bools:
    """[rows of `items`] true where every condition holds.

    `lookup`: of `items`, or of others that differ in their stock only, where one is at hand. Raises `UsageError` naming
    the nearest column for a filter on a column the catalogue lacks.
    """
    for name in ("categories", "domains", "exclude_items"):
        if isinstance(getattr(filters, name), str):
            fix = f"write {name}=[...]"
            raise UsageError(f"{name} is a list of names, not one name", code="bad_filter", where=name, fix=fix)
    out = np.ones(len(items), dtype=bool)
    for condition in _conditions(filters, items, schema, lookup or Lookup(items)):
        out &= condition
    return out


def _conditions(filters: Filters, items: pl.DataFrame, schema: Schema, lookup: Lookup) -> Iterator[Bools]:
    if filters.in_stock and "stock" in items.columns:
        yield lookup.in_stock(items)
    if filters.price is not None:
        yield _priced(filters.price, schema, lookup)
    if filters.categories:
        if not schema.items.category:
            raise UsageError("the catalogue has no category path", code="no_category", fix="drop the category filter")
        yield reduce(np.logical_or, (lookup.any_of(level, filters.categories) for level in schema.items.category))
    if filters.domains:
        yield lookup.any_of("domain", filters.domains)
    if filters.exclude_items:
        yield _but(filters.exclude_items, len(items), lookup)
    for column, values in filters.values.items():
        if column not in items.columns:
            fix = nearest(column, items.columns)
            raise UsageError(f"no item column is called {column!r}", code="unknown_column", fix=fix)
        yield lookup.any_of(column, values)


def _but(names: Sequence[str], rows: int, lookup: Lookup) -> Bools:
    out = np.ones(rows, dtype=bool)
    out[[lookup.row[name] for name in names if name in lookup.row]] = False
    return out


def _priced(price: tuple[float | None, float | None], schema: Schema, lookup: Lookup) -> Bools:
    if schema.items.price is None:
        raise UsageError("the catalogue has no price column", code="no_price", fix="name it in dataset.toml [items]")
    low, high = price
    if low is not None and high is not None and low > high:
        raise UsageError(f"lowest price {low} is above the highest {high}", code="bad_price", fix="swap them")
    column = lookup.number(schema.items.price)
    above = column >= low if low is not None else ~np.isnan(column)
    return np.asarray(above & (column <= high) if high is not None else above)
