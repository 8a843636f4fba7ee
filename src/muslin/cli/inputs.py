"""Small files a user hands to a command: fresh events of shoppers, and new garments."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from muslin.data.columns import as_id, as_text
from muslin.data.quarantine import LINE
from muslin.data.read import read_table, require_columns
from muslin.data.schema import Schema
from muslin.engine.newcomers import WHERE
from muslin.errors import DataError, nearest
from muslin.features.space import World

if TYPE_CHECKING:
    from muslin.engine.model import Model

NEW_SHOPPER = ""
"""Id of the shopper of an events file without `user_id`: no real id is empty."""


def read_events(file: Path, world: World) -> pl.DataFrame:
    """Fresh events `user_id`, `item_id` and, where given, `event`, of a CSV or Parquet file.

    Without a column `user_id` all are of one new shopper. Raises `DataError` as `data.read` does, and naming the line
    `empty_id`, `unknown_item`, `unknown_event`.
    """
    table = read_table(file)
    require_columns(table, ("item_id",))
    if len(table.bad):
        row = table.bad.row(0, named=True)
        raise DataError(row["reason"], code=row["code"], where=f"{file}:{row['line']}", fix="correct the row")
    frame = _with_ids(table.frame, "item_id", file)
    if frame.is_empty():
        raise DataError("the file has no rows", code="empty_file", where=str(file), fix="give one event or more")
    known = pl.Series(world.catalogue.ids.tolist(), dtype=pl.String)
    strange = frame.filter(~pl.col("item_id").is_in(known.implode()))
    if len(strange):
        message = f"the catalogue has no item {strange['item_id'][0]!r}"
        fix = "leave the row out, or fit the model with this garment"
        raise DataError(message, code="unknown_item", where=f"{file}:{strange[LINE][0]}", fix=fix)
    if "user_id" in frame.columns:
        frame = _with_ids(frame, "user_id", file)
    else:
        frame = frame.with_columns(user_id=pl.lit(NEW_SHOPPER))
    if "event" not in frame.columns:
        return frame.select("user_id", "item_id")
    frame = frame.with_columns(as_text(frame["event"], f"{file}, column 'event'"))
    _refuse_unknown_kinds(frame, world.dataset.schema, file)
    return frame.select("user_id", "item_id", "event")


def with_garments(model: "Model", file: Path) -> tuple["Model", list[str]]:
    """`model` with the new garments of a JSON file (see `read_garments`), and their ids.

    Raises `DataError` as `read_garments` and `Model.with_items` do, naming the file and the garment or field.
    """
    garments = read_garments(file)
    try:
        grown = model.with_items(garments)
    except DataError as error:
        where = f"{file}{error.where.removeprefix(WHERE)}"
        raise DataError(error.message, code=error.code, where=where, fix=error.fix) from None
    return grown, garments["item_id"].unique(maintain_order=True).to_list()


def read_garments(file: Path) -> pl.DataFrame:
    """Garments of a JSON object, or of a list of them, each with an `item_id`: only read, not checked.

    Raises `DataError`: `missing_file`, `wrong_encoding`, `bad_json`, `wrong_type`.
    """
    rows = _objects(file)
    for place, row in enumerate(rows, start=1):
        if not isinstance(row.get("item_id"), str):
            where, fix = f"{file}, garment {place}", 'write "item_id": "…"'
            raise DataError("item_id must be text", code="wrong_type", where=where, fix=fix)
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([_column(name, [row.get(name) for row in rows], file) for name in names])


def _refuse_unknown_kinds(frame: pl.DataFrame, schema: Schema, file: Path) -> None:
    strange = frame.filter(~pl.col("event").is_in(list(schema.weights)).fill_null(value=False))
    if len(strange):
        line, name = strange[LINE][0], strange["event"][0] or ""
        message, fix = f"unknown event type {name!r}", nearest(name, schema.weights)
        raise DataError(message, code="unknown_event", where=f"{file}:{line}", fix=fix)


def _with_ids(frame: pl.DataFrame, column: str, file: Path) -> pl.DataFrame:
    ids = as_id(frame[column], f"{file}, column {column!r}")
    empty = ids.is_null() | (ids.str.strip_chars() == "")
    if empty.any():
        line = frame.filter(empty)[LINE][0]
        raise DataError(f"{column} is empty", code="empty_id", where=f"{file}:{line}", fix="give the id")
    return frame.with_columns(ids.alias(column))


def _objects(file: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("no such file", code="missing_file", where=str(file), fix="check the path") from None
    except UnicodeDecodeError:
        raise DataError(
            "the file is not UTF-8", code="wrong_encoding", where=str(file), fix="save it as UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        where = f"{file}:{error.lineno}"
        fix = "correct the JSON at this line"
        raise DataError(error.msg.lower(), code="bad_json", where=where, fix=fix) from None
    except (RecursionError, ValueError):  # a thousand lists in one another, a number of five thousand digits
        fix = "write an object of texts, numbers and lists"
        raise DataError("this goes too far for JSON", code="bad_json", where=str(file), fix=fix) from None
    rows = found if isinstance(found, list) else [found]
    if not rows or not all(isinstance(row, dict) for row in rows):
        fix = 'write {"item_id": "…", …}, or a list of such objects'
        raise DataError("this is no garment", code="bad_json", where=str(file), fix=fix)
    return rows


def _column(name: str, values: list[Any], file: Path) -> pl.Series:
    within = [part for value in values if isinstance(value, list) for part in value]
    where = f"{file}, field {name!r}"
    if any(isinstance(part, list | dict) for part in within):
        message, fix = "a list holds another list or an object", "give a list of texts or of numbers"
        raise DataError(message, code="wrong_type", where=where, fix=fix)
    try:
        if any(isinstance(value, float) for value in (*values, *within)):
            values = [list(map(_float, value)) if isinstance(value, list) else _float(value) for value in values]
        return pl.Series(name, values, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        fix = "give every garment the same kind of value"
        raise DataError("text, numbers and lists are mixed", code="wrong_type", where=where, fix=fix) from None


def _float(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
