"""The one thread that writes: it takes what waits, all of it goes in one commit, then everybody is told.

A commit waits for the disk, so many senders share one (group commit). What may wait is bounded.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from muslin.engine.online.event import Bad, Fresh, Receipt
from muslin.engine.online.refused import closed, queue_full
from muslin.engine.online.rules import Rules


@dataclass(frozen=True)
class Batch:
    """Checked events of one sender. `atomic`: all or none."""

    fresh: list[Fresh]
    bad: list[Bad]
    atomic: bool
    future: "Future[Receipt]" = field(default_factory=Future)

    def __len__(self) -> int:
        return len(self.fresh) + len(self.bad)


@dataclass(frozen=True)
class Call:
    """Other work for the writer."""

    work: Callable[[], Any]
    future: "Future[Any]" = field(default_factory=Future)

    def __len__(self) -> int:
        return 1


class Writer:
    """Runs `commit` on groups of batches, and calls between them, on a thread of its own.

    `failed` is told what `commit` raised; the thread goes on whatever that was.
    """

    def __init__(
        self, rules: Rules, commit: Callable[[list[Batch]], None], failed: Callable[[BaseException], None]
    ) -> None:
        self._rules = rules
        self._commit = commit
        self._failed = failed
        self._queue: queue.SimpleQueue[Batch | Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._open = True
        self._thread = threading.Thread(target=self._run, name="muslin-writer", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Events and calls that wait."""
        return self._waiting

    def submit(self, job: Batch | Call) -> None:
        """Let `job` wait its turn; raises `RefusedError`: `queue_full`, `closed`."""
        with self._lock:
            if not self._open:
                raise closed()
            if self._waiting and self._waiting + len(job) > self._rules.queue_events:
                raise queue_full()
            self._waiting += len(job)
            self._queue.put(job)

    def call(self, work: Callable[[], Any]) -> "Future[Any]":
        """The result of `work`, done between two commits."""
        job = Call(work)
        self.submit(job)
        return job.future

    def close(self) -> None:
        """Finish what waits and stop."""
        with self._lock:
            if self._open:
                self._open = False
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            group, last = self._gathered(job)
            # Before anybody learns that theirs is done: what they send next is not to be refused for it.
            with self._lock:
                self._waiting -= sum(map(len, group)) + (last is not None)
            self._write([batch for batch in group if batch.future.set_running_or_notify_cancel()])
            if last is not None:
                _do(last)

    def _write(self, group: list[Batch]) -> None:
        """Commit a group, none of which can be cancelled any more."""
        if not group:
            return
        try:
            self._commit(group)
        except BaseException as error:
            with suppress(Exception):  # a report that fails is no reason to stop either
                self._failed(error)
            for batch in group:
                if not batch.future.done():
                    batch.future.set_exception(error)

    def _gathered(self, first: Batch | Call) -> tuple[list[Batch], Call | None]:
        """Batches for one commit, and a call that came behind them."""
        group: list[Batch] = []
        until = time.monotonic() + self._rules.group_seconds
        job: Batch | Call | None = first
        while isinstance(job, Batch):
            group.append(job)
            if sum(map(len, group)) >= self._rules.group_events:
                return group, None
            try:
                job = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return group, None
        if job is None:
            self._queue.put(None)
        return group, job


def _do(call: Call) -> None:
    if not call.future.set_running_or_notify_cancel():
        return
    try:
        call.future.set_result(call.work())
    except BaseException as error:
        call.future.set_exception(error)
