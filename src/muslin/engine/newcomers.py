"""Garments that join a catalogue after training, checked as an import would check them: the only check of newcomers."""

import polars as pl

from muslin.data.check_entities import check_items
from muslin.data.columns import as_number
from muslin.data.dataset import Dataset
from muslin.data.quarantine import LINE
from muslin.data.read import table_of
from muslin.errors import DataError, nearest

WHERE = "items"
"""What the table of newcomers is called in errors, which go on with `, garment 3` or `, column 'price'`."""


def newcomers(items: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """`items` with `item_id`, `family`, `domain` and the columns of the catalogue, in the catalogue's types.

    Columns that are not there count as missing, also the title; a null family is the item's own; domains follow the
    dataset's rules; of equal rows the first counts. Raises `DataError` naming the garment (from 1) or the column, and
    the fix: `unknown_column`, `missing_column`, `wrong_type`, `not_a_number`, the codes of a bad vector, which must
    also be as long as the catalogue's, and those of any row that an import would refuse.
    """
    known = dataset.items.columns
    if "item_id" not in items.columns:
        raise DataError("column 'item_id' is missing", code="missing_column", where=WHERE, fix="give each an id")
    for name in items.columns:
        if name not in known:
            place = _garment(_first(items[name].is_not_null()))
            fix = nearest(name, known)
            raise DataError(f"the catalogue has no column {name!r}", code="unknown_column", where=place, fix=fix)
    absent = [c for c in known if c not in items.columns and c not in ("family", "domain")]
    whole = items.with_columns(pl.lit(None).cast(dataset.items.schema[c]).alias(c) for c in absent)
    _refuse_words_for_numbers(whole, dataset)
    part = check_items(table_of(whole, WHERE), dataset.schema, beside=dataset.items)
    refused = part.bad.select(pl.col(LINE).alias("line"), "code", "reason")
    for row in pl.concat([refused, part.lost.select(refused.columns)]).sort("line").head(1).iter_rows(named=True):
        raise DataError(row["reason"], code=row["code"], where=_garment(row["line"]), fix="correct it")
    return _typed(part.frame.select(c for c in known if c in part.frame.columns), dataset.items)


def _refuse_words_for_numbers(items: pl.DataFrame, dataset: Dataset) -> None:
    roles = dataset.schema.items
    for name in (c for c in roles.numeric if c != roles.price):  # a price has its own rule
        wrong = as_number(items[name], f"{WHERE}, column {name!r}").is_nan().fill_null(value=False)
        if wrong.any():
            row = _first(wrong)
            message = f"{name} {items[name][row - 1]!r} is not a finite number"
            raise DataError(message, code="not_a_number", where=_garment(row), fix="correct it, or leave it out")


def _typed(items: pl.DataFrame, catalogue: pl.DataFrame) -> pl.DataFrame:
    """`items` in the catalogue's types: columns that no role describes are not converted by the checks."""
    columns = []
    for column in items.get_columns():
        dtype = catalogue.schema[column.name]
        try:
            columns.append(column.cast(dtype))
        except pl.exceptions.PolarsError:
            where, fix = f"{WHERE}, column {column.name!r}", f"give what the catalogue holds there: {dtype}"
            message = f"{column.dtype} cannot be {dtype}"
            raise DataError(message, code="wrong_type", where=where, fix=fix) from None
    return pl.DataFrame(columns)


def _first(rows: pl.Series) -> int:
    """Number, from 1, of the first row that is true; 1 when none is."""
    return (rows.arg_max() or 0) + 1


def _garment(row: int) -> str:
    return f"{WHERE}, garment {row}"
