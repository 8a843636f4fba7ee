"""The log in SQL: what is new in a batch and what is not, and rows in and out."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from muslin.engine.online.database import among
from muslin.engine.online.event import Bad, Fresh, Row
from muslin.engine.online.keys import Keys

COLUMNS = "seq, event_id, received, time, day, kind, shopper, item, counted, more"
MOST_QUARANTINED = 100_000
"""Rejected events kept; the oldest go first."""

Verdict = Literal["new", "duplicate", "conflict", "dropped"]


def judged(db: sqlite3.Connection, keys: Keys, batch: Sequence[Fresh]) -> list[Verdict]:
    """What each event of a batch is. Of equal ids in a batch the first counts."""
    buried = _buried(db, keys, {fresh.row.shopper for fresh in batch})
    names = [fresh.name for fresh in batch]
    known = {bytes(name): bytes(digest) for name, digest in among(db, "SELECT id, digest FROM ids WHERE id IN", names)}
    return [_verdict(fresh, known) if fresh.row.shopper not in buried else "dropped" for fresh in batch]


def _verdict(fresh: Fresh, known: dict[bytes, bytes]) -> Verdict:
    """Of an event, by the digests of ids; one that is new is known from then on."""
    before = known.get(fresh.name)
    if before is None:
        known[fresh.name] = fresh.digest
        return "new"
    return "duplicate" if before == fresh.digest else "conflict"


def _buried(db: sqlite3.Connection, keys: Keys, shoppers: Collection[bytes]) -> set[bytes]:
    """Those of `shoppers` who were erased."""
    if db.execute("SELECT 1 FROM erased LIMIT 1").fetchone() is None:
        return set()
    graves = {keys.grave(shopper): shopper for shopper in shoppers}
    return {graves[bytes(grave)] for (grave,) in among(db, "SELECT grave FROM erased WHERE grave IN", list(graves))}


def occurrence(db: sqlite3.Connection, row: Row, most: int) -> int:
    """How many like `row` (garment, day, shopper, type) there are already, up to `most`."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM events WHERE item=? AND day=? AND shopper=? AND kind=? LIMIT ?)"
    return int(db.execute(sql, (row.item, row.day, row.shopper, row.kind, most)).fetchone()[0])


def append(db: sqlite3.Connection, rows: Iterable[Row], table: Literal["events", "pending"] = "events") -> None:
    """Write rows."""
    db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608 - one of two words


def remember(db: sqlite3.Connection, events: Iterable[Fresh], day: int) -> None:
    """Know the ids of events from `day` on."""
    db.executemany("INSERT INTO ids VALUES (?, ?, ?)", [(fresh.name, fresh.digest, day) for fresh in events])


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
