"""Slots in memory, the least recently used of them on disk only."""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar, cast

from muslin.engine.online.database import among
from muslin.engine.online.slots import Item, User, digest, packed, unpacked

S = TypeVar("S", Item, User)

_STEPS = 64
"""Slots looked at before giving up: where nearly all have changed, the next snapshot makes room."""


class Changed(NamedTuple):
    """A slot to write: digests when last written (0: never) and now; a body of None: it is gone."""

    key: bytes
    before: int
    body: bytes | None
    now: int


class Slab(Generic[S]):
    """The slots of one kind. Not safe by itself: the state's lock guards it.

    A slot that has changed since it was last written (`dirty`) stays in memory until it is written.
    """

    def __init__(
        self, kind: str, most: int, db: sqlite3.Connection, rebuild: Callable[[str, bytes], Item | User]
    ) -> None:
        self.kind = kind
        self.evictions = 0
        self._most = most
        self._db = db
        self._rebuild = rebuild
        self._slots: OrderedDict[bytes, S] = OrderedDict()
        self._dirty: dict[bytes, int] = {}
        self._absent: frozenset[bytes] = frozenset()

    def __len__(self) -> int:
        return len(self._slots)

    def find(self, key: bytes) -> S | None:
        """The slot of `key`, None where it has none."""
        slot = self._slots.get(key)
        if slot is not None:
            self._slots.move_to_end(key)
            return slot
        if key in self._absent or key in self._dirty:  # what changed stays in memory: what is not there is gone
            return None
        row = self._db.execute("SELECT body, digest FROM slots WHERE kind = ? AND key = ?", (self.kind, key)).fetchone()
        if row is None:
            return None
        found = self._read(key, bytes(row[0]), row[1])
        self.shrink()
        return found

    @contextmanager
    def at_hand(self, keys: Iterable[bytes], db: sqlite3.Connection) -> Iterator[None]:
        """Read those of `keys` that are not in memory at once from `db`; the rest of them are in neither, for a while.

        While it lasts, slots must not be written: one that was absent could be let go.
        """
        wanted = [key for key in keys if key not in self._slots and key not in self._dirty]
        rows = among(db, "SELECT key, body, digest FROM slots WHERE kind = ? AND key IN", wanted, self.kind)
        read = {bytes(key): self._read(bytes(key), bytes(body), told) for key, body, told in rows}
        self._absent = frozenset(wanted).difference(read)
        try:
            yield
        finally:
            self._absent = frozenset()
        self.shrink(len(read))

    def _read(self, key: bytes, body: bytes, told: bytes) -> S:
        """Take up a slot as the disk has it; what does not have the digest `told` is made anew."""
        sound = digest(self.kind, key, body) == int.from_bytes(told, "little")
        found = self._slots[key] = cast(S, unpacked(self.kind, body) if sound else self._rebuild(self.kind, key))
        return found

    def change(self, key: bytes, new: Callable[[], S]) -> S:
        """The slot of `key`, or a new one, about to be changed."""
        slot = self.find(key)
        if slot is None:
            slot = self._slots[key] = new()
            self._dirty.setdefault(key, 0)
        elif key not in self._dirty:
            self._dirty[key] = self._digest(key, slot)
            self._slots.setdefault(key, slot)  # it may have been let go to make room
        return slot

    def _digest(self, key: bytes, slot: S) -> int:
        return digest(self.kind, key, packed(slot))

    def replace(self, key: bytes, slot: S | None) -> None:
        """Put `slot` in place of what is there; None removes it."""
        before = self.find(key)
        if before is not None:
            self._dirty.setdefault(key, self._digest(key, before))
        if slot is not None:
            self._dirty.setdefault(key, 0)
            self._slots[key] = slot
        else:
            self._slots.pop(key, None)

    def unwritten(self) -> list[bytes]:
        """Keys of the slots that have changed since they were last written."""
        return list(self._dirty)

    def changed(self, keys: Iterable[bytes]) -> list[Changed]:
        """These of the slots that are not what was last written."""
        found = []
        for key in keys:
            before, slot = self._dirty[key], self._slots.get(key)
            body = None if slot is None else packed(slot)
            found.append(Changed(key, before, body, 0 if body is None else digest(self.kind, key, body)))
        return found

    def clear(self) -> None:
        """Forget everything in memory."""
        self._slots.clear()
        self._dirty.clear()

    @property
    def dirty(self) -> int:
        """How many slots are not written."""
        return len(self._dirty)

    def written(self) -> None:
        """All that had changed is on the disk."""
        self._dirty.clear()
        while len(self._slots) > self._most:
            self.shrink()

    def shrink(self, steps: int = _STEPS) -> None:
        """Let the least recently used go, at most as many as `steps`, until the bound is kept; changed ones stay."""
        for _ in range(steps):
            if len(self._slots) <= self._most:
                return
            key, slot = self._slots.popitem(last=False)
            if key in self._dirty:
                self._slots[key] = slot
            else:
                self.evictions += 1
