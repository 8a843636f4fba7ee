"""Slots made from the log alone: for those that are damaged on the disk, or whose events were erased."""

import sqlite3
from collections.abc import Mapping

from muslin.engine.online.fixed import fixed
from muslin.engine.online.rules import Rules
from muslin.engine.online.slots import Item, User


def made(db: sqlite3.Connection, kind: str, key: bytes, seq: int, rules: Rules) -> Item | User:
    """The slot of a garment or shopper after event `seq`."""
    weights = {name: fixed(weight) for name, weight in rules.weights.items() if weight > 0}
    if kind == "item":
        return _item(db, key.decode(), seq, weights, rules.support)
    return _user(db, key, seq, weights, rules.history)


def _item(db: sqlite3.Connection, item: str, seq: int, weights: Mapping[str, int], most: int) -> Item:
    slot = Item()
    sql = "SELECT day, kind, count(*), sum(counted) FROM events WHERE item = ? AND seq <= ? GROUP BY day, kind"
    for day, kind, count, counted in db.execute(sql, (item, seq)):
        slot.kinds[kind] = slot.kinds.get(kind, 0) + count
        if counted and kind in weights:
            slot.add(day, counted * weights[kind])
    first = "SELECT DISTINCT day, shopper, kind FROM events WHERE item = ? AND seq <= ? ORDER BY day, shopper"
    for day, shopper, kind in db.execute(first, (item, seq)):
        if kind not in weights:
            continue
        if len(slot.told) == most and (day, bytes(shopper)) > max(slot.told):
            break
        slot.tell(day, bytes(shopper), weights[kind], most)
    return slot


def _user(db: sqlite3.Connection, shopper: bytes, seq: int, weights: Mapping[str, int], most: int) -> User:
    slot = User()
    sql = "SELECT day, item, kind, counted FROM events WHERE shopper = ? AND seq <= ?"
    for day, item, kind, counted in db.execute(sql, (shopper, seq)):
        if kind in weights:
            slot.total += weights[kind] if counted else 0
            slot.take(day, item, weights[kind], most)
    return slot
