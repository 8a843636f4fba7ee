"""The online state of a shop: events go in and are on the disk when `ingest` returns, and the state has them.

`Online` is the only door. One writer thread changes things; everything that reads may be called from any thread.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from muslin.engine.online import admission, backup, export, log, pending, stored
from muslin.engine.online.database import FILE, connect, reader, transaction
from muslin.engine.online.disk import Disk, refusal
from muslin.engine.online.erase import Erased, erase
from muslin.engine.online.event import Bad, Fresh, Receipt, Row, Shopper, Stats, Taken, Told
from muslin.engine.online.keys import load_keys
from muslin.engine.online.log import forget_ids, last_seq
from muslin.engine.online.ownership import owned
from muslin.engine.online.pace import Pace
from muslin.engine.online.refused import RefusedError
from muslin.engine.online.rules import DAY, Rules
from muslin.engine.online.state import State
from muslin.engine.online.validate import Checker
from muslin.engine.online.writer import Batch, Writer

T = TypeVar("T")
_log = logging.getLogger(__name__)
Clock = Callable[[], int]


def clock() -> int:
    """µs UTC now."""
    return time.time_ns() // 1000


def _untimed(_seconds: float) -> None:
    """Nobody wants to know how long a commit took."""


def _logged(error: BaseException) -> None:
    """Not its message: that may hold what a shopper sent."""
    _log.error("the writer failed and goes on: %s", type(error).__name__)


class Online:
    """See the module. Made by `open`."""

    def __init__(
        self,
        directory: Path,
        rules: Rules,
        now: Clock,
        timed: Callable[[float], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.rules = rules
        self._now = now
        self._timed = timed
        self._failed = failed
        self._lease = owned(directory)
        try:
            self._keys = load_keys(directory, fresh=not (directory / FILE).exists())
            self._db = connect(directory, rules.synchronous)
        except BaseException:
            self._lease.close()
            raise
        self._reads, self._profiles = reader(directory), reader(directory)
        self._profiled = threading.Lock()
        started = time.perf_counter()
        self._state = State(rules, self._db, self._reads)
        self._state.load()
        self._admission = admission.Admission(self._db, self._keys, rules, last_seq(self._db))
        self._admission.seq = self._state.applied = max(self._admission.seq, self._state.applied)
        self._recovery = time.perf_counter() - started
        self._disk = Disk(directory, rules.low_disk_bytes)
        self._pace = Pace(rules.shopper_rate)
        self._seen = threading.Condition()
        self._snapshot_at = 0
        self._kept_day = 0
        self._unsure = False
        self._writer = Writer(rules, self._commit, self._broken)

    @classmethod
    def open(
        cls,
        directory: str | Path,
        rules: Rules | None = None,
        *,
        now: Clock = clock,
        timed: Callable[[float], None] = _untimed,
        failed: Callable[[BaseException], None] = _logged,
    ) -> "Online":
        """The state in `directory`, made where there is none, as it was after the last acknowledged event.

        `timed` is told the seconds of each commit, `failed` what went wrong beside one: a fault of ours.
        Raises `DataError`: `state_in_use`, `newer_format`, `not_a_database`, `no_secret`.
        """
        return cls(Path(directory), rules or Rules(), now, timed, failed)

    def __enter__(self) -> "Online":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Events in

    def submit(self, events: Sequence[Any], *, sent_at: int | None = None, atomic: bool = False) -> "Future[Receipt]":
        """What becomes of `events` (plain JSON values), once it is on the disk and in the state.

        `sent_at`: the sender's clock (µs UTC) when it sent them; times are corrected by its error. `atomic`: all or
        none. Raises `RefusedError`, here or from the future: `queue_full`, `too_fast`, `storage_full`, `closed`.
        """
        self._disk.check()
        batch = self._checked(events, sent_at, atomic)
        self._writer.submit(batch)
        return batch.future

    def ingest(self, events: Sequence[Any], *, sent_at: int | None = None, atomic: bool = False) -> Receipt:
        """`submit`, waited for."""
        return self.submit(events, sent_at=sent_at, atomic=atomic).result()

    def know(self, items: Iterable[str]) -> int:
        """Say which garments the catalogue has; events of others wait for them. How many waiting ones were taken up.

        Before the first call every garment is known.
        """
        names = frozenset(items)
        return self._do(lambda: self._take_up(names))

    def wait(self, seq: int, timeout: float) -> bool:
        """Whether the state has everything up to `seq`, waiting for it up to `timeout` seconds."""
        with self._seen:
            return self._seen.wait_for(lambda: self._state.applied >= seq, timeout)

    # What the state says

    @property
    def seq(self) -> int:
        """Number of the last event in the state."""
        return self._state.applied

    def key(self, shopper: Shopper) -> bytes:
        """The keyed hash under which a shopper is kept."""
        return self._keys.shopper(shopper)

    def history(self, shopper: Shopper | bytes) -> tuple[Taken, ...]:
        """What a shopper (or their key) took, each garment once, newest first."""
        return self._state.history(self._key(shopper), self._now())

    def seen(self, shopper: Shopper | bytes) -> frozenset[str]:
        """Garments in a shopper's history."""
        return frozenset(taken.item for taken in self.history(shopper))

    def revealed(self, item: str) -> tuple[Told, ...]:
        """The first shoppers of a garment who liked it."""
        return self._state.revealed(item)

    def changes(self, since: int) -> tuple[int, frozenset[str] | None]:
        """The version of the first shoppers now, and whose changed since version `since` (None: any may have)."""
        return self._state.changes(since)

    def latest(self, most: int) -> list[tuple[str, str, int]]:
        """Shopper (by hash), garment and time (µs) of the newest `most` events that say a liking, oldest first."""
        liked = [kind for kind, weight in self.rules.weights.items() if weight > 0]
        with self._profiled:
            return log.latest(self._profiles, liked, most)

    def trend(self, item: str) -> float:
        """Weight of what shoppers did with a garment, halved every `Rules.trend_days`."""
        return self._state.trend(item, self._now())

    def counts(self, item: str) -> dict[str, int]:
        """Events of each type with a garment."""
        return self._state.counts(item)

    def state_hash(self) -> str:
        """32 hexadecimal digits: equal for equal states, whatever the order of the events."""
        return f"{self._do(self._state.hash):032x}"

    def stats(self) -> Stats:
        """Counters and sizes."""
        state, wal = self._state, self.directory / f"{FILE}-wal"
        return Stats(
            committed_seq=state.applied,
            queue_depth=self._writer.depth,
            items_in_memory=len(state.items),
            users_in_memory=len(state.users),
            evictions=state.items.evictions + state.users.evictions,
            events={key: n for key, n in dict(self._admission.events).items() if n},
            quarantined=dict(self._admission.quarantined),
            wal_bytes=wal.stat().st_size if wal.exists() else 0,
            snapshot_seq=state.snapshot_seq,
            snapshot_at=self._snapshot_at,
            recovery_seconds=self._recovery,
        )

    # Catalogue rows and profiles

    def put_items(self, rows: Sequence[stored.Put], known: Iterable[str] | None = None) -> stored.Stored:
        """Keep catalogue rows; of each garment the one with the newest `updated_at`. A body of None removes it.

        `known`: which garments the catalogue has then, as `know` says it, all in one commit. Raises `RefusedError`:
        `queue_full`, `storage_full`, `closed`; then nothing was kept.
        """
        self._disk.check()
        pairs, names = [(row.id.encode(), row) for row in rows], None if known is None else frozenset(known)
        return self._do(lambda: self._numbered(lambda seq: stored.put(self._db, "item", pairs, seq), names))

    def items(self) -> list[stored.Row]:
        """All catalogue rows kept, in order of id; removed ones with a body of None."""
        return self._do(lambda: stored.every(self._db, "item"))

    def put_users(self, rows: Sequence[stored.Put]) -> stored.Stored:
        """Keep profiles of users; as `put_items`. Those of erased users are dropped."""
        self._disk.check()
        return self._do(lambda: self._numbered(lambda seq: stored.put_users(self._db, self._keys, rows, seq)))

    def profile(self, user_id: str) -> dict[str, Any] | None:
        """The profile of a user, None where there is none. Nobody waits for the writer."""
        with self._profiled:
            return stored.one(self._profiles, "user", self.key(Shopper("user", user_id)))

    # Care

    def erase(self, user_id: str) -> Erased:
        """Remove all that is known of a user, from memory and from the files; what comes later is dropped.

        Raises `RefusedError`: `queue_full`, `closed`, and `storage_full`, after which it must be done again.
        """
        return self.erasing(user_id).result()

    def erasing(self, user_id: str) -> "Future[Erased]":
        """`erase`, not waited for."""
        return self._writer.call(lambda: self._erased(Shopper("user", user_id)))

    def export(self, user_id: str) -> dict[str, Any]:
        """All that is known of a user, as plain JSON values."""
        return self._do(lambda: export.of_user(self._db, self.key(Shopper("user", user_id)), user_id))

    def snapshot(self) -> int:
        """Write the state down; the number of the last event in it."""
        return self._do(self._snapshot)

    def backup(self, target: str | Path) -> Path:
        """Copy everything to the new directory `target`, while the service runs; see `backup.restore`."""
        return self._do(lambda: backup.write(self._db, self.directory, Path(target)))

    def close(self) -> None:
        """Finish what waits, write a snapshot and let go of the files."""
        if not self._lease.closed:
            try:
                self._writer.close()
                with suppress(sqlite3.OperationalError):  # a full disk: the log has it all
                    self._state.flush()
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._reads.close()
                with self._profiled:
                    self._profiles.close()
                self._db.close()
                self._lease.close()

    # The writer's side

    def _do(self, work: Callable[[], T]) -> T:
        try:
            result: T = self._writer.call(work).result()
        except (sqlite3.Error, OSError) as error:
            raise refusal(error) from None
        return result

    def _checked(self, events: Sequence[Any], sent_at: int | None, atomic: bool) -> Batch:
        now = self._now()
        checker = Checker(self.rules, self._keys, now, 0 if sent_at is None else now - sent_at)
        fresh: list[Fresh] = []
        bad: list[Bad] = []
        for index, raw in enumerate(events):
            found = checker.check(index, raw)
            if isinstance(found, Fresh) and not self._pace.allows(found.row.shopper, now):
                found = checker.bad(index, raw, "rate_limited")
            if isinstance(found, Fresh):
                fresh.append(found)
            else:
                bad.append(found)
        if bad and not fresh and all(one.rejected.code == "rate_limited" for one in bad):
            raise RefusedError("one shopper sends too much", code="too_fast", fix="send it again in a minute")
        return Batch(fresh, bad, atomic)

    def _commit(self, batches: list[Batch]) -> None:
        """Write a group and apply it; called by the writer."""
        started = time.perf_counter()
        try:
            with self._sure(), transaction(self._db):
                now = self._now()
                admitted = [self._admission.admit(batch, now) for batch in batches]
        except Exception as error:
            for batch in batches:
                batch.future.set_exception(refusal(error))
            return
        self._timed(time.perf_counter() - started)
        self._applied([row for one in admitted for row in one.rows])
        for one in admitted:
            self._admission.tally(one)
        for batch, one in zip(batches, admitted, strict=True):
            batch.future.set_result(one.receipt)
        self._keep_house()

    def _broken(self, error: BaseException) -> None:
        """An error that `_commit` did not expect: the state may lack what the disk has."""
        self._unsure = True
        self._failed(error)

    def _applied(self, rows: list[Row]) -> None:
        self._state.apply(rows)
        self._state.applied = max(self._state.applied, self._admission.seq)
        with self._seen:
            self._seen.notify_all()

    @contextmanager
    def _sure(self) -> Iterator[None]:
        """Around what takes numbers: they are the disk's before it, and given back where it fails."""
        if self._unsure:
            self._resync()
        seq = self._admission.seq
        try:
            yield
        except BaseException:
            self._admission.seq, self._unsure = seq, True
            raise

    def _resync(self) -> None:
        """After a failed commit: whether it reached the disk all the same only the disk can tell."""
        self._state.catch_up()
        self._admission.seq = self._state.applied = max(self._state.applied, last_seq(self._db))
        self._unsure = False

    def _keep_house(self) -> None:
        """What is due now and then. A full disk is no reason to fail: it is due again next time."""
        today = self._now() // DAY
        try:
            if self._state.due():
                self._snapshot()
            if today != self._kept_day:
                with transaction(self._db):
                    forget_ids(self._db, today - self.rules.window_days - 1)
                    self._admission.quarantined.update(pending.expire(self._db, self.rules, self._now()))
                self._kept_day = today
        except sqlite3.OperationalError:
            return

    def _snapshot(self) -> int:
        self._state.flush()
        self._snapshot_at = self._now()
        return self._state.snapshot_seq

    def _numbered(self, work: Callable[[int], T], names: frozenset[str] | None = None) -> T:
        """`work` under a number of its own in the order of the log; where it is done the garments are `names`."""
        with self._knowing(names), self._sure(), transaction(self._db):
            done = work(self._admission.seq + 1)
            self._admission.seq += 1
            rows = [] if names is None else pending.taken_up(self._db, self._admission)
        self._applied(rows)
        return done

    def _take_up(self, names: frozenset[str]) -> int:
        with self._knowing(names), self._sure(), transaction(self._db):
            rows = pending.taken_up(self._db, self._admission)
        self._applied(rows)
        return len(rows)

    @contextmanager
    def _knowing(self, names: frozenset[str] | None) -> Iterator[None]:
        """Around what says which garments there are (None: those known); they are those before where it fails."""
        before = self._admission.known
        self._admission.known = before if names is None else names
        try:
            yield
        except BaseException:
            self._admission.known = before
            raise

    def _erased(self, who: Shopper) -> Erased:
        try:
            found = erase(self._db, self._keys, self._state, who)
        except (sqlite3.Error, OSError) as error:
            raise refusal(error) from None
        self._snapshot_at = self._now()
        return found

    def _key(self, shopper: Shopper | bytes) -> bytes:
        return shopper if isinstance(shopper, bytes) else self.key(shopper)
