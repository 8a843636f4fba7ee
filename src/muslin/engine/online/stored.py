"""Catalogue rows and profiles as a shop puts them: the newest of each, kept with the events."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from muslin.engine.online.event import Shopper, encoded
from muslin.engine.online.keys import Keys


class Put(NamedTuple):
    """A row to keep: `updated_at` in µs UTC; a `body` of None removes it."""

    id: str
    updated_at: int
    body: dict[str, Any] | None


class Row(NamedTuple):
    """A row as kept; `seq` orders changes."""

    id: str
    updated_at: int
    seq: int
    body: dict[str, Any] | None


class Stored(NamedTuple):
    """What became of rows: `stale` ones are older than what is kept."""

    kept: int
    stale: int
    dropped: int
    seq: int


def put(db: sqlite3.Connection, kind: str, rows: Iterable[tuple[bytes, Put]], seq: int, dropped: int = 0) -> Stored:
    """Keep rows by key, in the caller's transaction. One as old as what is kept replaces it."""
    kept = total = 0
    for key, row in rows:
        body = None if row.body is None else encoded(row.body)
        total += 1
        kept += db.execute(
            "INSERT INTO stored VALUES (?, ?, ?, ?, ?) ON CONFLICT(kind, key) DO UPDATE SET "
            "updated_at = excluded.updated_at, seq = excluded.seq, body = excluded.body "
            "WHERE excluded.updated_at >= updated_at",
            (kind, key, row.updated_at, seq, body),
        ).rowcount
    return Stored(kept, total - kept, dropped, seq)


def put_users(db: sqlite3.Connection, keys: Keys, rows: Sequence[Put], seq: int) -> Stored:
    """Keep profiles under the users' hashes; the rows of erased users are dropped. In the caller's transaction."""
    pairs = [(keys.shopper(Shopper("user", row.id)), row) for row in rows]
    sql = "SELECT 1 FROM erased WHERE grave = ?"
    open_ = [(key, row) for key, row in pairs if not db.execute(sql, (keys.grave(key),)).fetchone()]
    return put(db, "user", open_, seq, len(pairs) - len(open_))


def every(db: sqlite3.Connection, kind: str) -> list[Row]:
    """All rows of a kind whose keys are ids."""
    found = db.execute("SELECT key, updated_at, seq, body FROM stored WHERE kind = ? ORDER BY key", (kind,))
    return [Row(bytes(key).decode(), at, seq, _body(body)) for key, at, seq, body in found]


def one(db: sqlite3.Connection, kind: str, key: bytes) -> dict[str, Any] | None:
    """The body under a key, None where there is none."""
    found = db.execute(
        "SELECT body FROM stored WHERE kind = ? AND key = ?", (kind, key)
    ).fetchall()  # no read stays open
    return _body(found[0][0]) if found else None


def _body(content: bytes | None) -> dict[str, Any] | None:
    return None if content is None else msgspec.json.decode(content, type=dict[str, Any])
