"""Garments that join a catalogue after training, checked as an import would check them."""

from dataclasses import replace

import polars as pl

from muslin.data.check_entities import check_items
from muslin.data.dataset import Dataset
from muslin.data.quarantine import LINE
from muslin.data.read import table_of
from muslin.errors import DataError, nearest


def newcomers(items: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """`items` with `item_id`, `family`, `domain` and the columns they came with, in the catalogue's types.

    Described columns that are not there count as missing; a null family is the item's own; domains follow the
    dataset's rules. Raises `DataError` for an unknown column, and naming the row and the fix for one that a check
    refuses or that comes twice.
    """
    known = dataset.items.columns
    for name in items.columns:
        if name not in known:
            fix = nearest(name, known)
            raise DataError(f"the catalogue has no column {name!r}", code="unknown_column", where="items", fix=fix)
    if "item_id" not in items.columns:
        raise DataError("column 'item_id' is missing", code="missing_column", where="items", fix="give each an id")
    absent = [c for c in known if c not in items.columns and c not in ("family", "domain")]
    whole = items.with_columns(pl.lit(None).cast(dataset.items.schema[c]).alias(c) for c in absent)
    # A title is for people; here a garment may do without one.
    lenient = replace(dataset.schema, items=replace(dataset.schema.items, title=None))
    part = check_items(table_of(whole, "items"), lenient)
    if len(part.bad):
        row = part.bad.row(0, named=True)
        raise DataError(row["reason"], code=row["code"], where=f"items, row {row[LINE]}", fix="correct the row")
    return part.frame.select(c for c in known if c in part.frame.columns)
