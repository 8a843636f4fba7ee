"""The column map of `muslin import table`: a `dataset.toml` plus where its tables and columns come from.

name = "my shop"                 # any key of dataset.toml: roles, weights, domains, timezone
timezone = "Europe/Paris"
encoding = "cp1252"              # of the CSV files; default UTF-8
separator = ";"                  # of the CSV files; default a comma (a tab in .tsv)
time_format = "%d/%m/%Y %H:%M"   # default RFC 3339, dates, or epoch numbers
event = "purchase"               # type of every event, where no column tells it

[files]                          # inside SRC; only events is needed, and not even that when SRC is a file
events = "log.csv"
items = "products.csv"           # left out: items are taken from the rows of the events
users = "customers.parquet"      # left out: likewise, when [users] describes columns
images = "pictures"              # files named by item_id (jpg, png, webp, gif, bmp), or Parquet of item_id and bytes

[columns.events]                 # our name = theirs; a column that is not named keeps its name
user_id = "customer"
item_id = "sku"
timestamp = "when"

[columns.items]
item_id = "sku"

[vectors.style]                  # your own vectors as a column of the items; as in dataset.toml, files inside SRC
file = "style.npy"
ids = "style_ids.csv"

[event_names]                    # theirs = ours; others stay as they are
order = "purchase"

[items]                          # roles, as in dataset.toml, in our names
categorical = ["brand"]
"""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from muslin.data.schema import Schema, parse_schema
from muslin.errors import DataError, UsageError, nearest


@dataclass(frozen=True, kw_only=True)
class Files:
    """Files of the tables, relative to the source directory."""

    events: str | None = None
    items: str | None = None
    users: str | None = None
    images: str | None = None


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Our column name to theirs, by table."""

    events: dict[str, str] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where tables and columns come from; the keys a column map has beyond those of `dataset.toml`."""

    files: Files = field(default_factory=Files)
    columns: Columns = field(default_factory=Columns)
    event_names: dict[str, str] = field(default_factory=dict)
    event: str | None = None
    time_format: str | None = None
    encoding: str = "utf-8"
    separator: str | None = None


def read_map(path: Path, *, default_name: str) -> tuple[Origin, Schema]:
    """Column map in the TOML file `path`; the dataset is called `default_name` unless it says otherwise.

    Raises `UsageError` (`missing_map`) when there is no such file and `DataError` (`bad_toml`, `unknown_key`,
    `bad_map`, `bad_schema`) naming the key.
    """
    raw = _parsed(path)
    own, described = {f.name for f in fields(Origin)}, {f.name for f in fields(Schema)} - {"images", "format"}
    _refuse_unknown(raw, own | described, str(path))
    for section, shape in (("files", Files), ("columns", Columns)):
        _refuse_unknown(raw.get(section, {}), {f.name for f in fields(shape)}, f"{path} [{section}]")
    try:
        origin = msgspec.convert({key: raw[key] for key in own & raw.keys()}, Origin)
    except msgspec.ValidationError as error:
        raise DataError(str(error), code="bad_map", where=str(path), fix="see docs/data.md for the keys") from None
    schema = {"name": default_name} | {key: raw[key] for key in described & raw.keys()}
    return origin, parse_schema(schema, where=str(path))


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        message, fix = "there is no such column map", "check the path given with --map"
        raise UsageError(message, code="missing_map", where=str(path), fix=fix) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(str(error), code="bad_toml", where=str(path), fix="correct the TOML syntax") from None


def _refuse_unknown(raw: Any, allowed: set[str], where: str) -> None:
    for key in raw if isinstance(raw, dict) else ():
        if key not in allowed:
            raise DataError(f"unknown key {key!r}", code="unknown_key", where=where, fix=nearest(key, allowed))
