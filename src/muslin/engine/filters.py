"""Hard filters: which garments may be shown at all. A filter never changes a score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import polars as pl

from muslin.data.schema import Schema
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


def allowed(filters: Filters, items: pl.DataFrame, schema: Schema) -> Bools:
    """[rows of `items`] true where every condition holds.

    Raises `UsageError` naming the nearest column for a filter on a column the catalogue lacks.
    """
    for name in ("categories", "domains", "exclude_items"):
        if isinstance(getattr(filters, name), str):
            fix = f"write {name}=[...]"
            raise UsageError(f"{name} is a list of names, not one name", code="bad_filter", where=name, fix=fix)
    conditions = _conditions(filters, items, schema)
    if not conditions:
        return np.ones(len(items), dtype=bool)
    every = reduce(lambda a, b: a & b, conditions)
    return items.select(every.fill_null(False).alias("ok"))["ok"].to_numpy().astype(bool)


def _conditions(filters: Filters, items: pl.DataFrame, schema: Schema) -> list[pl.Expr]:
    found = []
    if filters.in_stock and "stock" in items.columns:
        found.append(pl.col("stock").cast(pl.Float64, strict=False).fill_null(1) > 0)
    if filters.price is not None:
        found.append(_priced(filters.price, schema))
    if filters.categories:
        if not schema.items.category:
            raise UsageError("the catalogue has no category path", code="no_category", fix="drop the category filter")
        found.append(pl.any_horizontal(pl.col(c).is_in(filters.categories) for c in schema.items.category))
    if filters.domains:
        found.append(pl.col("domain").is_in(filters.domains))
    if filters.exclude_items:
        found.append(~pl.col("item_id").is_in(filters.exclude_items))
    for column, values in filters.values.items():
        if column not in items.columns:
            fix = nearest(column, items.columns)
            raise UsageError(f"no item column is called {column!r}", code="unknown_column", fix=fix)
        found.append(_one_of(column, items.schema[column], values))
    return found


def _one_of(column: str, kind: pl.DataType, values: Sequence[str]) -> pl.Expr:
    if isinstance(kind, pl.List):
        return pl.col(column).list.eval(pl.element().cast(pl.String).is_in(values)).list.any()
    return pl.col(column).cast(pl.String).is_in(values)


def _priced(price: tuple[float | None, float | None], schema: Schema) -> pl.Expr:
    if schema.items.price is None:
        raise UsageError("the catalogue has no price column", code="no_price", fix="name it in dataset.toml [items]")
    low, high = price
    if low is not None and high is not None and low > high:
        raise UsageError(f"lowest price {low} is above the highest {high}", code="bad_price", fix="swap them")
    column = pl.col(schema.items.price)
    column = pl.when(column.is_not_nan()).then(column)
    above = column >= low if low is not None else column.is_not_null()
    return above & (column <= high) if high is not None else above
