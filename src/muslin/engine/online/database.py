"""The SQLite file of the online state: how it is opened, what is in it, and how older ones become newer ones."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from muslin.errors import DataError

FILE = "state.db"
"""The database, in the state directory."""

_AT_ONCE = 500
"""Keys asked for in one statement."""

MIGRATIONS = (
    """
    CREATE TABLE events(
        seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL, received INTEGER NOT NULL, time INTEGER NOT NULL,
        day INTEGER NOT NULL, kind TEXT NOT NULL, shopper BLOB NOT NULL, item TEXT NOT NULL, counted INTEGER NOT NULL,
        more BLOB NOT NULL);
    CREATE INDEX events_by_item ON events(item, day, shopper, kind, counted);
    CREATE INDEX events_by_shopper ON events(shopper);
    CREATE TABLE pending(
        seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL, received INTEGER NOT NULL, time INTEGER NOT NULL,
        day INTEGER NOT NULL, kind TEXT NOT NULL, shopper BLOB NOT NULL, item TEXT NOT NULL, counted INTEGER NOT NULL,
        more BLOB NOT NULL);
    CREATE INDEX pending_by_item ON pending(item);
    CREATE TABLE ids(id BLOB PRIMARY KEY, digest BLOB NOT NULL, day INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX ids_by_day ON ids(day);
    CREATE TABLE quarantine(
        place INTEGER PRIMARY KEY, received INTEGER NOT NULL, code TEXT NOT NULL, shopper BLOB, raw BLOB NOT NULL);
    CREATE TABLE erased(grave BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE slots(
        kind TEXT NOT NULL, key BLOB NOT NULL, body BLOB NOT NULL, digest BLOB NOT NULL, PRIMARY KEY(kind, key)
        ) WITHOUT ROWID;
    CREATE TABLE stored(
        kind TEXT NOT NULL, key BLOB NOT NULL, updated_at INTEGER NOT NULL, seq INTEGER NOT NULL, body BLOB,
        PRIMARY KEY(kind, key)) WITHOUT ROWID;
    CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)
"""Scripts that bring a database from version n to n + 1. A released one is never changed."""


def connect(directory: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """Connection to the database of `directory`, made or migrated where needed.

    Raises `DataError`: `newer_format`, `not_a_database`.
    """
    path = directory / FILE
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute("PRAGMA secure_delete=ON")
        db.execute("PRAGMA busy_timeout=10000")
        db.execute("PRAGMA cache_size=-32000")
        _migrate(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        if isinstance(error, sqlite3.OperationalError):
            raise
        fix = "restore a backup"
        raise DataError("this is not a state database", code="not_a_database", where=str(path), fix=fix) from None
    except DataError:
        db.close()
        raise
    return db


def reader(directory: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    db = sqlite3.connect(directory / FILE, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA query_only=ON")
    db.execute("PRAGMA busy_timeout=10000")
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def among(db: sqlite3.Connection, sql: str, keys: Sequence[bytes], *first: Any) -> Iterator[tuple[Any, ...]]:
    """Rows of `sql`, which takes `first` and ends in IN, for `keys`, however many these are."""
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        yield from db.execute(f"{sql} ({','.join('?' * len(some))})", (*first, *some)).fetchall()


def fact(db: sqlite3.Connection, name: str, default: str = "") -> str:
    """A fact by name."""
    found = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return default if found is None else str(found[0])


def state_fact(db: sqlite3.Connection, name: str, value: str) -> None:
    """Write a fact."""
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        why = f"state format {version} is newer than this version reads ({len(MIGRATIONS)})"
        raise DataError(why, code="newer_format", where=str(path), fix="upgrade muslin")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        with transaction(db):
            for statement in script.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={number}")
