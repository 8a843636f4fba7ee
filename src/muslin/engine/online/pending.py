"""Events whose garment the catalogue does not have yet: they wait for it, and go to quarantine when it never comes."""

import sqlite3
from collections import Counter

from muslin.engine.online import log
from muslin.engine.online.admission import Admission
from muslin.engine.online.event import MAX_BYTES, Row, encoded
from muslin.engine.online.rules import DAY, Rules


def taken_up(db: sqlite3.Connection, admission: Admission) -> list[Row]:
    """Move events whose garment is known now into the log, in the caller's transaction; their rows there."""
    items = [str(row[0]) for row in db.execute("SELECT DISTINCT item FROM pending")]
    found: list[Row] = []
    for item in items:
        if admission.known is None or item in admission.known:
            sql = f"SELECT {log.COLUMNS} FROM pending WHERE item = ? ORDER BY seq"  # noqa: S608 - names of our own
            found += admission.enter([log.as_row(values) for values in db.execute(sql, (item,)).fetchall()])
            db.execute("DELETE FROM pending WHERE item = ?", (item,))
    return found


def expire(db: sqlite3.Connection, rules: Rules, now: int) -> Counter[str]:
    """Put in quarantine what has waited too long, in the caller's transaction; how much, by code."""
    before = now - rules.pending_days * DAY
    sql = f"SELECT {log.COLUMNS} FROM pending WHERE received < ?"  # noqa: S608 - names of our own
    rows = [log.as_row(values) for values in db.execute(sql, (before,))]
    for row in rows:
        raw = encoded({"event_id": row.event_id, "type": row.kind, "item_id": row.item, "time": row.time})
        kept = (now, "unknown_item", row.shopper, raw[:MAX_BYTES])
        db.execute("INSERT INTO quarantine(received, code, shopper, raw) VALUES (?, ?, ?, ?)", kept)
    db.execute("DELETE FROM pending WHERE received < ?", (before,))
    return Counter(unknown_item=len(rows)) if rows else Counter()
