"""Any CSV or Parquet with a column map; see `column_map` for what a map says."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from muslin.data.column_map import Origin, read_map
from muslin.data.importing import ImportReport, Order, Pictures, Tables, pictures_at, run
from muslin.data.quarantine import LINE
from muslin.data.read import Dialect, Table, read_table
from muslin.data.schema import Schema
from muslin.data.timestamps import to_iso
from muslin.data.vectors import join_vectors
from muslin.errors import DataError, UsageError, nearest
from muslin.progress import track

_EVENT_KEYS = ("user_id", "item_id", "timestamp", "event")
_ITEM_KEYS = ("item_id", "family", "domain", "updated_at", "stock")


@dataclass(frozen=True)
class Plan:
    """Files to read and what their columns mean."""

    folder: Path
    events: Path
    origin: Origin
    schema: Schema

    def table(self, path: Path) -> Table:
        """The table in `path`, read as the map says."""
        separator = self.origin.separator or ("\t" if path.suffix.lower() == ".tsv" else ",")
        return read_table(path, Dialect(self.origin.encoding, separator))


def import_table(
    src: Path, dst: Path, *, mapping: Path | None = None, max_bad: float = 0.01, overwrite: bool = False
) -> ImportReport:
    """Import the file or directory `src` into the dataset `dst` as the column map `mapping` says.

    Items taken from the rows of events have, in each column, the value of their first row. Raises as `Importer` says,
    `UsageError` (`missing_map`) without a map.
    """
    if mapping is None:
        fix = "pass --map FILE; see docs/data.md for an example"
        raise UsageError("a table needs a column map", code="missing_map", fix=fix)
    origin, schema = read_map(mapping, default_name=src.stem)
    plan = _plan(src, origin, schema, str(mapping))
    return run(Order("table", dst, max_bad, overwrite), partial(_read, plan, str(mapping)), _pictures(plan))


def _plan(src: Path, origin: Origin, schema: Schema, where: str) -> Plan:
    if origin.files.events:
        folder = src.parent if src.is_file() else src
        return Plan(folder, folder / origin.files.events, origin, schema)
    if src.is_dir():
        message, fix = "the map does not say which file holds the events", 'add [files] with events = "…"'
        raise DataError(message, code="bad_map", where=where, fix=fix)
    return Plan(src.parent, src, origin, schema)


def _read(plan: Plan, where: str) -> Tables:
    paths = [plan.folder / f if f else None for f in (plan.origin.files.items, plan.origin.files.users)]
    read = [plan.table(p) if p else None for p in track([plan.events, *paths], "reading")]
    log, items, users = read[0], read[1], read[2]
    if log is None:
        raise AssertionError("events are always read")
    events = _events(log, plan, where)
    columns, roles = plan.origin.columns, plan.schema
    if items is None:
        wanted = (*_ITEM_KEYS, *_described_items(roles))
        items = _distinct(_renamed(log, columns.items or _key_of(columns.events, "item_id"), where), "item_id", wanted)
    else:
        items = _renamed(items, columns.items, where)
    if users is None and roles.users.columns():
        renamed = _renamed(log, columns.users or _key_of(columns.events, "user_id"), where)
        users = _distinct(renamed, "user_id", roles.users.columns())
    elif users is not None:
        users = _renamed(users, columns.users, where)
    return Tables.of(join_vectors(items, roles, plan.folder, plan.table), users, events)


def _events(log: Table, plan: Plan, where: str) -> Table:
    origin = plan.origin
    table = _renamed(log, origin.columns.events, where)
    frame = table.frame
    if origin.event is not None and "event" not in origin.columns.events:
        frame = frame.with_columns(pl.lit(origin.event).alias("event"))
    if "event" not in frame.columns:
        message, fix = "no column tells the type of an event", 'name one in [columns.events], or set event = "purchase"'
        raise DataError(message, code="missing_column", where=f"{log.file}, column 'event'", fix=fix)
    if origin.event_names:
        frame = frame.with_columns(pl.col("event").cast(pl.String).replace(origin.event_names))
    if origin.time_format and "timestamp" in frame.columns and frame["timestamp"].dtype == pl.String:
        frame = frame.with_columns(to_iso(frame["timestamp"], origin.time_format))
    if not plan.origin.files.items:
        # Columns that went to the items or users of a single file are not repeated with each event.
        moved = {*_described_items(plan.schema), *plan.schema.users.columns()} - {"price", "value", "quantity"}
        frame = frame.drop(moved - set(_EVENT_KEYS), strict=False)
    return table.with_frame(frame)


def _renamed(table: Table, columns: dict[str, str], where: str) -> Table:
    """The table in our names; a column taken under another name is no longer there under its own."""
    have = [name for name in table.frame.columns if name != LINE]
    for ours, theirs in columns.items():
        if theirs not in have:
            message = f"the map takes {ours} from column {theirs!r}, which {table.file} does not have"
            raise DataError(message, code="missing_column", where=where, fix=nearest(theirs, have))
    taken = set(columns.values()) | set(columns)
    rest = [name for name in have if name not in taken]
    named = [pl.col(theirs).alias(ours) for ours, theirs in columns.items()]
    return table.with_frame(table.frame.select(LINE, *named, *rest))


def _distinct(table: Table, key: str, wanted: Iterable[str]) -> Table:
    """First row of each `key`; rows without one are the events' business."""
    if key not in table.frame.columns:
        have = [name for name in table.frame.columns if name != LINE]
        raise DataError(f"column {key!r} is missing", code="missing_column", where=table.file, fix=nearest(key, have))
    columns = [name for name in dict.fromkeys((key, *wanted)) if name in table.frame.columns]
    there = table.frame.filter(pl.col(key).is_not_null() & (pl.col(key).cast(pl.String).str.strip_chars() != ""))
    first = there.unique(key, keep="first", maintain_order=True).select(LINE, *columns)
    # The file's own faults are told once, with the events.
    return Table(table.file, first, table.origin.join(first.select(LINE), on=LINE, how="semi", maintain_order="left"))


def _key_of(columns: dict[str, str], key: str) -> dict[str, str]:
    return {key: columns[key]} if key in columns else {}


def _described_items(schema: Schema) -> tuple[str, ...]:
    roles = schema.items
    extra = [name for name in (roles.title, roles.price) if name]
    return (*roles.columns(), *extra, *(domain.column for domain in schema.domains.values()))


def _pictures(plan: Plan) -> Pictures | None:
    name = plan.origin.files.images
    if name is None:
        return None
    path = plan.folder / name
    if not path.exists():
        message, fix = f"there are no pictures at {name!r}", "correct images in [files] of the map"
        raise DataError(message, code="missing_file", where=str(plan.folder), fix=fix)
    columns = plan.origin.columns.images
    return pictures_at(path, id_column=columns.get("item_id", "item_id"), bytes_column=columns.get("bytes", "bytes"))
