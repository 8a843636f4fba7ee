"""Logs of events as files: read for a replay."""

from pathlib import Path

import polars as pl

from muslin.cli.outputs import FORMULA
from muslin.data.columns import as_id, as_text
from muslin.data.read import read_table, require_columns
from muslin.data.schema import Schema
from muslin.data.timestamps import parse_times
from muslin.errors import DataError


def read_log(file: Path, schema: Schema) -> pl.DataFrame:
    """`user_id, item_id, timestamp, event` of a CSV or Parquet file, without rows that lack one of them.

    In CSV, what `outputs.escaped` put before a text is taken off.

    Raises `DataError` as `data.read` does, and `empty_file`.
    """
    table = read_table(file)
    require_columns(table, ("user_id", "item_id", "timestamp", "event"))
    frame = unescaped(table.frame) if file.suffix == ".csv" else table.frame
    place = f"{file}, column"
    found = pl.DataFrame(
        {
            "user_id": as_id(frame["user_id"], f"{place} 'user_id'"),
            "item_id": as_id(frame["item_id"], f"{place} 'item_id'"),
            "timestamp": parse_times(frame["timestamp"], schema.timezone, where=f"{place} 'timestamp'"),
            "event": as_text(frame["event"], f"{place} 'event'"),
        }
    ).drop_nulls()
    if found.is_empty():
        raise DataError("the log has no usable rows", code="empty_file", where=str(file), fix="export it again")
    return found


def unescaped(table: pl.DataFrame) -> pl.DataFrame:
    """The table that `outputs.escaped` was given."""
    text = pl.col(pl.String)
    mark = text.str.contains(f"^'{FORMULA[1:]}")
    return table.with_columns(pl.when(mark).then(text.str.slice(1)).otherwise(text).name.keep())
