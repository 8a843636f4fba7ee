"""The one gate into a dataset: every source's tables pass `clean`."""

from collections import Counter
from datetime import UTC, datetime

import polars as pl

from muslin.data.check_entities import check_items, check_users
from muslin.data.check_events import check_events
from muslin.data.checked import AUX, Cleaned, Note, Part
from muslin.data.dataset import KEYS
from muslin.data.quarantine import LINE, Tally, counts, from_rows, placed
from muslin.data.read import Table
from muslin.data.schema import Roles, Schema
from muslin.data.timestamps import check_zone
from muslin.errors import DataError, nearest

VERSION = 2
"""Raised when rules change, so that datasets checked by older rules are checked again."""


def clean(items: Table, users: Table | None, events: Table, schema: Schema, *, now: datetime | None = None) -> Cleaned:
    """Good rows of the three tables in the types `Dataset` promises, the rest in quarantine.

    A bad vector is quarantined too but costs its row nothing else: it is counted in a tally of its own.

    `now` (default: the clock) is the time of import: later events are refused. Columns that the schema does not
    describe are kept as they are. Users of events without a row in `users` are added with an empty profile.

    Raises `DataError`: `missing_column`, `missing_header`, `wrong_type`, `empty_file`, `bad_schema`,
    `unknown_timezone`. Whether too many rows were refused is for `quarantine.enforce` to say.
    """
    check_schema(schema)
    _check_tables(items, users, events, schema)
    item_part = check_items(items, schema)
    user_part = check_users(users, schema) if users is not None else None
    event_part = check_events(events, schema, item_part, now or datetime.now(UTC))
    parts = {"items": item_part, "users": user_part, "events": event_part}
    there = {name: part for name, part in parts.items() if part is not None}
    done = {name: _finished(part, KEYS[name]) for name, part in there.items()}
    everyone, note = _with_event_users(done.get("users"), done["events"])
    refused = {name: _refused_rows(part) for name, part in there.items()}
    both = [pl.concat([refused[name], part.lost]).sort("line", maintain_order=True) for name, part in there.items()]
    return Cleaned(
        items=done["items"],
        users=everyone,
        events=done["events"],
        quarantine=pl.concat(both),
        warnings=tuple(n for part in there.values() for n in part.notes) + note,
        tallies=(
            *(Tally(n, p.table.file, p.table.rows, len(done[n]), counts(refused[n])) for n, p in there.items()),
            *(tally for part in there.values() for tally in part.tallies),
        ),
    )


def _check_tables(items: Table, users: Table | None, events: Table, schema: Schema) -> None:
    for table in (items, events):
        if table.rows == 0:
            message = "the file has a header but no rows"
            raise DataError(message, code="empty_file", where=table.file, fix="export it again, with its rows")
    if users is None and schema.users.columns():
        message = "the schema describes columns of users, but there is no table of users"
        raise DataError(message, code="missing_file", where="users", fix="give one, or leave [users] out")


def check_schema(schema: Schema) -> None:
    """Raise `DataError` where a schema contradicts itself: a column in two roles, a category that is no feature."""
    check_zone(schema.timezone, "dataset.toml, timezone")
    for section, roles in (("items", schema.items), ("users", schema.users)):
        _check_roles(section, roles)
    _check_within("items.category", schema.items.category, schema.items.categorical, "categorical")
    price = (schema.items.price,) if schema.items.price else ()
    _check_within("items.price", price, schema.items.numeric, "numeric")
    for name, weight in schema.weights.items():
        if not 0 <= weight < float("inf"):
            raise _bad_schema(f"weight of {name!r} is {weight}", "weights", "give a finite number, 0 or more")


def _check_roles(section: str, roles: Roles) -> None:
    twice = [name for name, count in Counter(roles.columns()).items() if count > 1]
    if twice:
        raise _bad_schema(f"column {twice[0]!r} has two roles", section, "name it once")
    keys = {"item_id", "user_id", LINE} & set(roles.columns())
    if keys:
        raise _bad_schema(f"{keys.pop()!r} is an id and no feature", section, "take it out of the roles")


def _check_within(key: str, names: tuple[str, ...], allowed: tuple[str, ...], role: str) -> None:
    for name in names:
        if name not in allowed:
            fix = f"name it in {key.split('.')[0]}.{role} too; {nearest(name, allowed)}"
            raise _bad_schema(f"column {name!r} is not {role}", key, fix)


def _bad_schema(message: str, key: str, fix: str) -> DataError:
    return DataError(message, code="bad_schema", where=f"dataset.toml, {key}", fix=fix)


def _finished(part: Part, keys: tuple[str, ...]) -> pl.DataFrame:
    """The rows without working columns, keys first."""
    working = {name for name in part.frame.columns if name == LINE or name.startswith(AUX)}
    rest = [name for name in part.frame.columns if name not in working and name not in keys]
    return part.frame.select(*keys, *rest)


def _refused_rows(part: Part) -> pl.DataFrame:
    table = part.table
    return pl.concat([table.bad, placed(from_rows(part.bad, table.origin, table.file), table.starts)])


def _with_event_users(users: pl.DataFrame | None, events: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Note, ...]]:
    seen = events.select("user_id").unique(maintain_order=True)
    if users is None:
        return seen, ()
    new = seen.join(users, on="user_id", how="anti", maintain_order="left")
    if new.is_empty():
        return users, ()
    text = f"{len(new):,} shoppers have events but no row of their own; they are kept without a profile"
    return pl.concat([users, new], how="diagonal"), (Note("user_without_profile", "users", len(new), text),)
