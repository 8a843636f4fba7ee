"""Small files a user hands to a command: fresh events of shoppers, and new garments."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from muslin.data.check_entities import check_items
from muslin.data.columns import as_id, as_text
from muslin.data.quarantine import LINE
from muslin.data.read import read_table, require_columns, table_of
from muslin.data.schema import Schema
from muslin.errors import DataError, nearest
from muslin.features.space import World

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


def read_garments(file: Path, schema: Schema) -> pl.DataFrame:
    """New garments of a JSON object, or a list of them, with `item_id` and any columns `schema` describes.

    Checked as an import checks them: the domain follows the schema's rule, a column left out is unknown. Raises
    `DataError` naming the garment and field.
    """
    rows = _objects(file)
    known = ("item_id", "family", "domain", "stock", *_described(schema))
    for place, row in enumerate(rows, start=1):
        _check_fields(row, known, f"{file}, garment {place}")
    columns = {name: [row.get(name) for row in rows] for name in known if any(name in row for row in rows)}
    frame = _framed({**{name: [None] * len(rows) for name in _described(schema)}, **columns}, file)
    part = check_items(table_of(frame, file.name), schema)
    if len(part.bad):
        row = part.bad.row(0, named=True)
        raise DataError(row["reason"], code=row["code"], where=f"{file}, garment {row[LINE]}", fix="correct it")
    for remark in part.notes:
        if remark.code == "not_a_number":
            raise DataError(remark.text, code="not_a_number", where=str(file), fix="correct it, or leave it out")
    keys = ("item_id", "family", "domain")
    return part.frame.select(*keys, *(name for name in columns if name not in keys))


def _refuse_unknown_kinds(frame: pl.DataFrame, schema: Schema, file: Path) -> None:
    strange = frame.filter(~pl.col("event").is_in(list(schema.weights)).fill_null(value=False))
    if len(strange):
        line, name = strange[LINE][0], strange["event"][0] or ""
        message, fix = f"unknown event type {name!r}", nearest(name, schema.weights)
        raise DataError(message, code="unknown_event", where=f"{file}:{line}", fix=fix)


def _described(schema: Schema) -> tuple[str, ...]:
    roles = schema.items
    rules = (rule.column for rule in schema.domains.values())
    return tuple(dict.fromkeys((*roles.columns(), *(c for c in (roles.title, roles.price) if c), *rules)))


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
    rows = found if isinstance(found, list) else [found]
    if not rows or not all(isinstance(row, dict) for row in rows):
        fix = 'write {"item_id": "…", …}, or a list of such objects'
        raise DataError("this is no garment", code="bad_json", where=str(file), fix=fix)
    return rows


def _check_fields(row: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in row:
        if name not in known:
            raise DataError(f"unknown field {name!r}", code="unknown_column", where=where, fix=nearest(name, known))
    if not isinstance(row.get("item_id"), str):
        raise DataError("item_id must be text", code="wrong_type", where=where, fix='write "item_id": "…"')


def _framed(columns: dict[str, list[Any]], file: Path) -> pl.DataFrame:
    series = []
    for name, values in columns.items():
        try:
            series.append(pl.Series(name, values, strict=True))
        except (TypeError, pl.exceptions.PolarsError):
            fix = "give every garment the same kind of value"
            where = f"{file}, field {name!r}"
            raise DataError("text, numbers and lists are mixed", code="wrong_type", where=where, fix=fix) from None
    return pl.DataFrame(series)
