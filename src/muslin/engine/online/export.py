"""What the log holds, as plain values: of one user who asks, or of everybody, to train on."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from muslin.engine.online import log, stored
from muslin.engine.online.event import Row
from muslin.engine.online.unnamed import named


def of_user(db: sqlite3.Connection, shopper: bytes, user_id: str) -> dict[str, Any]:
    """Events, rejected events and profile of a user."""
    rows: list[Row] = []
    for table in ("events", "pending"):
        sql = f"SELECT {log.COLUMNS} FROM {table} WHERE shopper = ? ORDER BY seq"  # noqa: S608 - one of two words
        rows += map(log.as_row, db.execute(sql, (shopper,)))

    def _sent(raw: bytes) -> str:
        return named(bytes(raw), shopper, user_id).decode(errors="replace")

    found = db.execute("SELECT code, raw FROM quarantine WHERE shopper = ? ORDER BY place", (shopper,))
    return {
        "user_id": user_id,
        "profile": stored.one(db, "user", shopper),
        "events": [plain(row) for row in rows],
        "rejected": [{"code": code, "sent": _sent(raw)} for code, raw in found],
    }


def plain(row: Row) -> dict[str, Any]:
    """An event without its shopper."""
    when = datetime.fromtimestamp(row.time // 1_000_000, UTC).replace(microsecond=row.time % 1_000_000)
    own = {"event_id": row.event_id, "type": row.kind, "item_id": row.item, "timestamp": when.isoformat()}
    return own | msgspec.json.decode(row.more, type=dict[str, Any])


def everything(db: sqlite3.Connection, most: int = 10_000) -> Iterator[tuple[str, dict[str, Any]]]:
    """All events in the order of the log, each with its shopper's hash in hexadecimal digits."""
    seq = 0
    while rows := log.after(db, seq, most):
        for row in rows:
            yield row.shopper.hex(), plain(row)
        seq = rows[-1].seq
