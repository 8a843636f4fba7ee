"""The state that follows from the log: one slot a garment, one a shopper. The writer changes it, anybody reads.

A snapshot writes the changed slots and the number of the last event in one transaction, so what is on the disk is the
state after exactly that event; a restart reads the log behind it.
"""

import math
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import cast

from muslin.engine.online import log
from muslin.engine.online.database import fact, state_fact, transaction
from muslin.engine.online.event import Row, Taken, Told
from muslin.engine.online.fixed import fixed, real
from muslin.engine.online.remake import made
from muslin.engine.online.rules import DAY, Rules
from muslin.engine.online.slab import Changed, Slab
from muslin.engine.online.slots import Item, User

_MASK = (1 << 128) - 1
_AT_ONCE = 500
"""Events whose slots are read at once."""
_PACKED = 100
"""Slots packed before readers may have the lock."""
_CHANGES = 100_000
"""Changes of garments remembered for those who follow them."""


class State:
    """See the module. `applied`: number of the last event in it."""

    def __init__(self, rules: Rules, db: sqlite3.Connection, reads: sqlite3.Connection) -> None:
        self.lock = threading.RLock()
        self.rules = rules
        self.applied = 0
        self.snapshot_seq = 0
        self._db = db
        self._reads = reads
        self._weights = {kind: fixed(weight) for kind, weight in rules.weights.items()}
        self.items: Slab[Item] = Slab("item", rules.slots, reads, self.rebuilt)
        self.users: Slab[User] = Slab("user", rules.slots, reads, self.rebuilt)
        self._sum = self._next = 0
        self._changes: deque[str] = deque(maxlen=_CHANGES)
        self.version = 0

    def load(self) -> int:
        """Take up the newest snapshot and the log behind it; how many events were read.

        A snapshot made by other rules counts for nothing: everything is read anew.
        """
        if fact(self._db, "fingerprint") == self.rules.fingerprint():
            self._sum, self.applied = int(fact(self._db, "sum", "0")), int(fact(self._db, "applied", "0"))
        else:
            self.discard()
        self.snapshot_seq = self.applied
        return self.catch_up()

    def discard(self) -> None:
        """Forget all slots, in memory and on the disk; the caller reads the log again."""
        with transaction(self._db):
            self._db.execute("DELETE FROM slots")
            state_fact(self._db, "applied", "0")
            state_fact(self._db, "sum", "0")
            state_fact(self._db, "fingerprint", self.rules.fingerprint())
        self._sum = self.applied = self.snapshot_seq = 0

    def catch_up(self) -> int:
        """Apply what the log holds behind the state, with snapshots on the way; how many events that were."""
        count = 0
        while rows := log.after(self._db, self.applied, self.rules.snapshot_events):
            self.apply(rows)
            count += len(rows)
            if self.due():
                self.flush()
        return count

    def flush(self) -> None:
        """Write a snapshot."""
        with transaction(self._db):
            self.snapshot()
        self.written()

    def apply(self, rows: Sequence[Row]) -> None:
        """Take events in."""
        with self.lock:
            for start in range(0, len(rows), _AT_ONCE):
                self._take(rows[start : start + _AT_ONCE])

    def _take(self, rows: Sequence[Row]) -> None:
        """Some events, whose slots are read at once."""
        items = {row.item.encode() for row in rows}
        users = {row.shopper for row in rows if self._weights.get(row.kind, 0) > 0}
        with self.items.at_hand(items, self._db), self.users.at_hand(users, self._db):
            for row in rows:
                self._apply(row)
                self.applied = max(self.applied, row.seq)

    def _apply(self, row: Row) -> None:
        weight, rules = self._weights.get(row.kind, 0), self.rules
        item = self.items.change(row.item.encode(), Item)
        item.count(row.kind)
        if weight <= 0:
            return
        user = self.users.change(row.shopper, User)
        if row.counted:
            item.add(row.day, weight)
            user.total += weight
        user.take(row.day, row.item, weight, rules.history)
        if item.tell(row.day, row.shopper, weight, rules.support):
            self.note(row.item)

    def note(self, item: str) -> None:
        """The first shoppers of a garment are not what they were."""
        self._changes.append(item)
        self.version += 1

    def changes(self, since: int) -> tuple[int, frozenset[str] | None]:
        """The version now, and the garments whose first shoppers changed since another; None: too many to tell."""
        with self.lock:
            new = self.version - since
            if new > len(self._changes) or new < 0:
                return self.version, None
            return self.version, frozenset(islice(reversed(self._changes), new))

    def snapshot(self) -> None:
        """Write down what changed, in the caller's transaction; `written` must follow once that is on the disk."""
        changed = self._changed()
        total = self._next = self._total(changed)
        gone = [(kind, one.key) for kind, one in changed if one.body is None]
        self._db.executemany("DELETE FROM slots WHERE kind = ? AND key = ?", gone)
        rows = [(kind, one.key, one.body, one.now.to_bytes(16, "little")) for kind, one in changed if one.body]
        self._db.executemany("INSERT OR REPLACE INTO slots VALUES (?, ?, ?, ?)", rows)
        state_fact(self._db, "applied", str(self.applied))
        state_fact(self._db, "sum", str(total))
        state_fact(self._db, "fingerprint", self.rules.fingerprint())

    def written(self) -> None:
        """The snapshot is on the disk."""
        with self.lock:
            self._sum = self._next
            self.items.written()
            self.users.written()
            self.snapshot_seq = self.applied

    def hash(self) -> int:
        """128 bits: equal for equal states, however they came about."""
        return self._total(self._changed())

    def _changed(self) -> list[tuple[str, Changed]]:
        """Nobody but the writer, whose thread this is, changes slots; readers get in between."""
        found: list[tuple[str, Changed]] = []
        slabs: tuple[Slab[Item] | Slab[User], ...] = (self.items, self.users)
        for slab in slabs:
            keys = slab.unwritten()
            for start in range(0, len(keys), _PACKED):
                with self.lock:
                    found += [(slab.kind, one) for one in slab.changed(keys[start : start + _PACKED])]
        return found

    def _total(self, changed: list[tuple[str, Changed]]) -> int:
        return (self._sum + sum(one.now - one.before for _, one in changed)) & _MASK

    def due(self) -> bool:
        """Whether a snapshot is wanted."""
        crowded = self.items.dirty + self.users.dirty > self.rules.slots
        return crowded or self.applied - self.snapshot_seq >= self.rules.snapshot_events

    def rebuilt(self, kind: str, key: bytes) -> Item | User:
        """A slot from the log: for one that is damaged on the disk."""
        return made(self._reads, kind, key, self.applied, self.rules)

    def drop(self) -> None:
        """Forget what is in memory, all of it written before, and take up the disk's state again."""
        with self.lock:
            self.items.clear()
            self.users.clear()
            self.load()

    def remade(self, items: Iterable[str], shopper: bytes) -> None:
        """Make the slots of `items` anew from the log, in the caller's transaction, and drop that of `shopper`.

        Everything must have been written before, so that the slots of the disk are those of memory.
        """
        with self.lock:
            self.users.replace(shopper, None)
            for item in items:
                slot = cast(Item, made(self._db, "item", item.encode(), self.applied, self.rules))
                self.items.replace(item.encode(), slot if slot.kinds else None)
                self.note(item)
        self.snapshot()

    def history(self, shopper: bytes, now: int) -> tuple[Taken, ...]:
        """What a shopper took, newest first."""
        with self.lock:
            user = self.users.find(shopper)
            took = [] if user is None else sorted(user.took.items(), reverse=True)
        found: dict[str, Taken] = {}
        for (day, item), value in took:
            weight = real(value) * self._faded(day, now)
            known = found.get(item)
            found[item] = Taken(item, max(weight, known.weight if known else 0.0), known.day if known else day)
        return tuple(found.values())

    def revealed(self, item: str) -> tuple[Told, ...]:
        """The first shoppers of a garment, each once, in the order of the state."""
        with self.lock:
            slot = self.items.find(item.encode())
            told = [] if slot is None else sorted(slot.told.items())
        found: dict[bytes, Told] = {}
        for (day, shopper), value in told:
            known = found.get(shopper)
            found[shopper] = Told(
                shopper, max(real(value), known.weight if known else 0.0), known.day if known else day
            )
        return tuple(found.values())

    def trend(self, item: str, now: int) -> float:
        """What was taken of a garment, the longer ago the less."""
        with self.lock:
            slot = self.items.find(item.encode())
            days = {} if slot is None else dict(slot.days)
        today = now // DAY
        return sum(
            real(value) * math.pow(2.0, -max(today - day, 0) / self.rules.trend_days) for day, value in days.items()
        )

    def counts(self, item: str) -> dict[str, int]:
        """Events of each type with a garment."""
        with self.lock:
            slot = self.items.find(item.encode())
            return {} if slot is None else dict(slot.kinds)

    def _faded(self, day: int, now: int) -> float:
        half = self.rules.half_life_days
        return 1.0 if half is None else math.pow(2.0, -max(now // DAY - day, 0) / half)
