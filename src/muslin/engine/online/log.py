"""The log in SQL: what is new in a batch and what is not, and rows in and out."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Literal

from muslin.engine.online.event import Bad, Fresh, Row
from muslin.engine.online.keys import Keys

COLUMNS = "seq, event_id, received, time, day, kind, shopper, item, counted, more"
MOST_QUARANTINED = 100_000
"""Rejected events kept; the oldest go first."""

Verdict = Literal["new", "duplicate", "conflict", "dropped"]


def judged(db: sqlite3.Connection, keys: Keys, batch: Iterable[Fresh]) -> list[Verdict]:
    """What each event of a batch is. Of equal ids in a batch the first counts."""
    within: dict[bytes, bytes] = {}
    found: list[Verdict] = []
    for fresh in batch:
        grave = keys.grave(fresh.row.shopper)
        if db.execute("SELECT 1 FROM erased WHERE grave = ?", (grave,)).fetchone():
            found.append("dropped")
            continue
        name = keys.event(fresh.row.event_id)
        known = within.get(name) or _digest(db, name)
        if known is None:
            within[name] = fresh.digest
            found.append("new")
        else:
            found.append("duplicate" if known == fresh.digest else "conflict")
    return found


def _digest(db: sqlite3.Connection, name: bytes) -> bytes | None:
    row = db.execute("SELECT digest FROM ids WHERE id = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def occurrence(db: sqlite3.Connection, row: Row, most: int) -> int:
    """How many like `row` (garment, day, shopper, type) there are already, up to `most`."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM events WHERE item=? AND day=? AND shopper=? AND kind=? LIMIT ?)"
    return int(db.execute(sql, (row.item, row.day, row.shopper, row.kind, most)).fetchone()[0])


def append(db: sqlite3.Connection, row: Row, table: Literal["events", "pending"] = "events") -> None:
    """Write a row."""
    db.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - one of two words


def remember(db: sqlite3.Connection, keys: Keys, fresh: Fresh, day: int) -> None:
    """Know an event's id from `day` on."""
    db.execute("INSERT INTO ids VALUES (?, ?, ?)", (keys.event(fresh.row.event_id), fresh.digest, day))


def forget_ids(db: sqlite3.Connection, before_day: int) -> None:
    """Forget ids that came before a day: events as old are refused anyway."""
    db.execute("DELETE FROM ids WHERE day < ?", (before_day,))


def quarantine(db: sqlite3.Connection, bad: Iterable[Bad], received: int) -> None:
    """Keep what was rejected, with the reason."""
    rows = [(received, one.rejected.code, one.shopper, one.raw) for one in bad]
    if rows:
        db.executemany("INSERT INTO quarantine(received, code, shopper, raw) VALUES (?, ?, ?, ?)", rows)
        db.execute("DELETE FROM quarantine WHERE place <= (SELECT max(place) FROM quarantine) - ?", (MOST_QUARANTINED,))


def after(db: sqlite3.Connection, seq: int, most: int) -> list[Row]:
    """Up to `most` rows of the log behind `seq`, in order."""
    sql = f"SELECT {COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - names of our own
    return [as_row(values) for values in db.execute(sql, (seq, most))]


def as_row(values: tuple[object, ...]) -> Row:
    """A row as the database gives it."""
    row = Row(*values)  # type: ignore[arg-type]
    return row._replace(counted=bool(row.counted))


def last_seq(db: sqlite3.Connection) -> int:
    """The newest number given to a row; 0 before the first."""
    tables = ("events", "pending", "stored")
    return max(int(db.execute(f"SELECT coalesce(max(seq), 0) FROM {table}").fetchone()[0]) for table in tables)  # noqa: S608


def latest(db: sqlite3.Connection, kinds: Sequence[str], most: int) -> list[tuple[str, str, int]]:
    """Shopper (hexadecimal), garment and time (µs) of the newest `most` events of these kinds, oldest first."""
    places = ", ".join("?" * len(kinds))
    sql = f"SELECT hex(shopper), item, time FROM events WHERE kind IN ({places}) ORDER BY seq DESC LIMIT ?"  # noqa: S608
    return [(str(who), str(item), int(at)) for who, item, at in reversed(db.execute(sql, (*kinds, most)).fetchall())]
