"""Faults built in on purpose: a campaign that does not notice them proves nothing.

Each patches the running code while it is entered, and puts it right again.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from muslin.engine.online import erase, log, online
from muslin.engine.online.database import state_fact, transaction
from muslin.engine.online.event import Receipt
from muslin.engine.online.online import Online
from muslin.engine.online.slab import Slab
from muslin.engine.online.state import State
from muslin.engine.online.writer import Batch


@contextmanager
def acknowledge_early() -> Iterator[None]:
    """Acknowledge before the commit."""
    before = Online._commit

    def commit(online: Online, batches: list[Batch]) -> None:
        for batch in batches:
            batch.future.set_result(Receipt(len(batch.fresh), 0, (), online._admission.seq))
        time.sleep(0.002)
        unheard: list[Batch] = [replace(batch, future=Future()) for batch in batches]
        before(online, unheard)

    with patched(Online, "_commit", commit):
        yield


@contextmanager
def forget_ids() -> Iterator[None]:
    """Do not notice that an event came before."""

    def remember(*_: Any) -> None:
        """Keep no id."""

    with patched(log, "remember", remember):
        yield


@contextmanager
def snapshot_apart() -> Iterator[None]:
    """Write the slots in one transaction, and what event they are the state after in another."""

    def flush(self: State) -> None:
        before = self.snapshot_seq
        with transaction(self._db):
            self.snapshot()
            state_fact(self._db, "applied", str(before))
        time.sleep(0.01)
        with transaction(self._db):
            state_fact(self._db, "applied", str(self.applied))
        self.written()

    with patched(State, "flush", flush):
        yield


@contextmanager
def replay_skips() -> Iterator[None]:
    """Leave out the first event of the log behind a snapshot."""
    before: Callable[..., Any] = log.after

    def after(db: Any, seq: int, most: int) -> Any:
        rows = before(db, seq, most)
        return rows[1:] if len(rows) > 1 else rows

    with patched(log, "after", after):
        yield


@contextmanager
def never_evict() -> Iterator[None]:
    """Keep every slot in memory."""
    with patched(Slab, "shrink", lambda *_: None), patched(Slab, "written", lambda slab: slab._dirty.clear()):
        yield


@contextmanager
def leave_traces() -> Iterator[None]:
    """Erase without overwriting pages or emptying the write-ahead log."""
    before = online.erase

    def careless(db: Any, *more: Any) -> Any:
        db.execute("PRAGMA secure_delete=OFF")
        return before(db, *more)

    with patched(erase, "empty_log", lambda _: None), patched(online, "erase", careless):
        yield


@contextmanager
def keep_sums() -> Iterator[None]:
    """Erase a shopper and leave the garments as they were."""
    before = State.remade

    def remade(self: State, items: Any, shopper: bytes) -> None:
        del items
        before(self, [], shopper)

    with patched(State, "remade", remade):
        yield


@contextmanager
def patched(owner: Any, name: str, other: Any) -> Iterator[None]:
    """`other` in place of what is called `name` there."""
    before = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, before)
