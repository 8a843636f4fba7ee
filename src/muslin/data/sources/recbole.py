"""A data set as RecBole's atomic files: `NAME.inter`, and where they are `NAME.item` and `NAME.user`.

What a column is follows from its type (`atomic.Atomic.roles`). With a `rating` (or `label`) an interaction counts as
liking from four fifths of the highest in the file; lower ones are kept with weight 0. Without one, every interaction
counts. Without a `timestamp` all have the same (`timestamps.TIMELESS`). Other columns of `.inter` are left out.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from muslin.data import ratings
from muslin.data.atomic import Atomic, read_atomic
from muslin.data.checked import Note
from muslin.data.importing import ImportReport, Order, Tables, run
from muslin.data.quarantine import LINE
from muslin.data.read import Table, table_of
from muslin.data.schema import ItemRoles, Roles, Schema
from muslin.data.timestamps import TIMELESS
from muslin.errors import DataError, UsageError
from muslin.progress import track

_KEYS = ("user_id", "item_id")


def import_recbole(
    src: Path, dst: Path, *, mapping: Path | None = None, max_bad: float = 0.01, overwrite: bool = False
) -> ImportReport:
    """Import the directory `src`, or the `.inter` file it names, into the dataset `dst`.

    Raises as `Importer` says, `DataError` (`missing_file`, `ambiguous_table`) where there is not one `.inter` file.
    """
    if mapping is not None:
        raise UsageError("recbole files say what they hold and take no map", code="unwanted_map", fix="leave --map out")
    return run(Order("recbole", dst, max_bad, overwrite), partial(tables, src))


def tables(src: Path) -> Tables:
    """The three tables and what their columns are."""
    inter = _inter(src)
    beside = {kind: inter.with_suffix(f".{kind}") for kind in ("item", "user")}
    there = [kind for kind, path in beside.items() if path.is_file()]
    read = {kind: read_atomic(beside[kind], (f"{kind}_id",)) for kind in track(there, "reading", total=len(there))}
    events, note = _events(read_atomic(inter, _KEYS))
    weights = ratings.WEIGHTS if note else {"interaction": 1.0}
    schema = Schema(name=inter.stem, weights=weights)
    items, item_roles = _items(read.get("item"), events)
    users, user_roles = _users(read.get("user"))
    schema = replace(schema, items=item_roles, users=user_roles)
    return Tables(items, users, events, schema, (note,) if note and note.count else ())


def _inter(src: Path) -> Path:
    if src.is_file():
        return src
    found = sorted(src.glob("*.inter"))
    if len(found) == 1:
        return found[0]
    message = f"there are {len(found)} .inter files here" if found else "there is no .inter file here"
    code = "ambiguous_table" if found else "missing_file"
    raise DataError(message, code=code, where=str(src), fix="name the .inter file, or the directory that holds one")


def _events(file: Atomic) -> tuple[Table, Note | None]:
    frame, note = file.table.frame, None
    rating = next((name for name in ("rating", "label") if name in file.kinds), None)
    if rating is None:
        frame = frame.with_columns(event=pl.lit("interaction"))
    else:
        least = ratings.SHARE * ratings.highest(frame, rating)
        frame = ratings.told_by(frame, rating, least)
        note = ratings.note(frame, least)
    if "timestamp" not in file.kinds:
        frame = frame.with_columns(timestamp=pl.lit(TIMELESS))
    return file.table.with_frame(frame.select(LINE, *_KEYS, "timestamp", "event", pl.col("^value$"))), note


def _items(file: Atomic | None, events: Table) -> tuple[Table, ItemRoles]:
    if file is None:
        known = events.frame.select("item_id").drop_nulls().unique(maintain_order=True)
        return table_of(known, events.file), ItemRoles()
    roles = file.roles("item_id")
    named = next((name for name in roles.text if not file.table.frame[name].null_count()), None)
    return file.typed(roles), ItemRoles(**vars(roles), title=named)


def _users(file: Atomic | None) -> tuple[Table | None, Roles]:
    return (None, Roles()) if file is None else (file.typed(file.roles("user_id")), file.roles("user_id"))
