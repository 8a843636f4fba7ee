"""Logs of events as files: read for a replay."""

from pathlib import Path

import polars as pl

from muslin.data.columns import as_id, as_text
from muslin.data.read import read_table, require_columns
from muslin.data.schema import Schema
from muslin.data.timestamps import parse_times
from muslin.errors import DataError


def read_log(file: Path, schema: Schema) -> pl.DataFrame:
    """`user_id, item_id, timestamp, event` of a CSV or Parquet file, without rows that lack one of them.

    Raises `DataError` as `data.read` does, and `empty_file`.
    """
    table = read_table(file)
    require_columns(table, ("user_id", "item_id", "timestamp", "event"))
    frame = table.frame
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
