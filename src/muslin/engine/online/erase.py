"""Erasing a shopper: afterwards the state and the files are those of a shop that never met them.

The garments the shopper had to do with are made anew from the log: to the last bit, for the state is whole numbers, and
the next of the first shoppers moves up. The database file is written anew and the write-ahead log is emptied, which
takes time in proportion to the whole. What stays is a hash of the shopper's hash, by which later events are dropped.
"""

import re
import sqlite3
from typing import NamedTuple

from muslin.engine.online import log
from muslin.engine.online.database import transaction
from muslin.engine.online.event import Shopper, encoded
from muslin.engine.online.keys import Keys
from muslin.engine.online.state import State


class Erased(NamedTuple):
    """What was removed: events of the log, and garments whose state changed."""

    events: int
    items: int


def erase(db: sqlite3.Connection, keys: Keys, state: State, who: Shopper) -> Erased:
    """Erase a shopper; on the writer's thread. Repeating it does no harm."""
    return erase_key(db, keys, state, keys.shopper(who), who.id)


def erase_key(db: sqlite3.Connection, keys: Keys, state: State, shopper: bytes, name: str | None) -> Erased:
    """`erase` by the hash; `name`, the id itself, is looked for in what was rejected, as a whole JSON text."""
    state.flush()
    items = [str(row[0]) for row in db.execute("SELECT DISTINCT item FROM events WHERE shopper = ?", (shopper,))]
    try:
        with transaction(db):
            events = _delete(db, keys, shopper, name)
            state.remade(items, shopper)
    except BaseException:
        state.drop()
        raise
    state.written()
    empty_log(db)
    return Erased(events, len(items))


def empty_log(db: sqlite3.Connection) -> None:
    """Write the database anew and cut the write-ahead log to nothing.

    Overwriting what is deleted is not enough: rows that moved to another page before left copies of themselves behind.
    Raises `sqlite3.OperationalError` where somebody reads the log for longer than `busy_timeout`; do it again then.
    """
    db.execute("VACUUM")
    busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("the write-ahead log is being read and cannot be emptied: erase again")


def _delete(db: sqlite3.Connection, keys: Keys, shopper: bytes, name: str | None) -> int:
    db.execute("INSERT OR IGNORE INTO erased VALUES (?)", (keys.grave(shopper),))
    _forget_ids(db, keys, shopper)
    events = db.execute("DELETE FROM events WHERE shopper = ?", (shopper,)).rowcount
    db.execute("DELETE FROM pending WHERE shopper = ?", (shopper,))
    db.execute("DELETE FROM quarantine WHERE shopper = ?", (shopper,))
    if name is not None:
        _forget_mentions(db, name)
    db.execute("DELETE FROM stored WHERE kind = 'user' AND key = ?", (shopper,))
    return events


_BEFORE = rb"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4}))"
"""No letter, or one that JSON writes a control character with."""


def _in_words(letter: str) -> bool:
    return letter.isascii() and letter.isalnum()  # Chinese has no space between words


def _forget_mentions(db: sqlite3.Connection, name: str) -> None:
    """Delete what was rejected and has the id in any field, alone or within a text, as a word of its own.

    Part of a longer word is somebody else's: erasing `e` does not take every event with an e in it.
    """
    written = encoded(name)[1:-1]  # as JSON writes it, without the quotes
    before = _BEFORE if _in_words(name[0]) else b""
    after = rb"(?![A-Za-z0-9])" if _in_words(name[-1]) else b""
    whole = re.compile(before + re.escape(written) + after)
    found = db.execute("SELECT place, raw FROM quarantine WHERE instr(raw, ?) > 0", (written,))
    places = [(place,) for place, raw in found if whole.search(raw)]
    db.executemany("DELETE FROM quarantine WHERE place = ?", places)


def _forget_ids(db: sqlite3.Connection, keys: Keys, shopper: bytes) -> None:
    for table in ("events", "pending"):
        sql = f"SELECT {log.COLUMNS} FROM {table} WHERE shopper = ?"  # noqa: S608 - one of two words
        names = [(keys.event(log.as_row(row).event_id),) for row in db.execute(sql, (shopper,))]
        db.executemany("DELETE FROM ids WHERE id = ?", names)
