"""What was shown, kept: each answer with its propensities, for attribution and for estimates of other models.

Nothing in it says who asked. Answers are written behind, within a second; a crash may lose that much, which costs an
estimate some answers and nobody anything else.
"""

import queue
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

FILE = "answers.sqlite"
KEPT = 30 * 86_400_000_000
"""Microseconds for which answers are kept."""
_WAITING, _GROUP = 10_000, 500
_REST = 0.2
"""Seconds between two groups: the more in one, the less each takes."""
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, at INTEGER NOT NULL, model TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS answers_at ON answers (at);
CREATE TABLE IF NOT EXISTS shown (item TEXT PRIMARY KEY, times INTEGER NOT NULL);
"""


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """A garment of an answer. `propensity`: the probability that it was in it; 1 where that was certain."""

    item_id: str
    path: str
    explored: bool
    propensity: float


class Answer(msgspec.Struct, frozen=True):
    """An answer; `at` in µs since 1970. `counted`: garments whose impressions count towards what they are owed."""

    recommendation_id: str
    at: int
    model_version: str
    items: tuple[Shown, ...]
    counted: tuple[str, ...] = ()


class Ledger:
    """Answers in a file of `directory`. One thread writes; `note` never waits."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(directory / FILE, check_same_thread=False, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _TABLES)
        self._lock = threading.Lock()
        self._queue: queue.Queue[Answer | None] = queue.Queue(_WAITING)
        self.dropped = 0
        self._thread = threading.Thread(target=self._write, name="muslin-ledger", daemon=True)
        self._thread.start()

    def note(self, answer: Answer) -> None:
        """Write `answer` down soon; where too many wait, or the ledger is closed, it is dropped and counted."""
        try:
            self._queue.put_nowait(answer)
        except queue.Full:
            self.dropped += 1

    def shown(self) -> dict[str, int]:
        """How often each garment was shown in answers that count."""
        with self._lock:
            return dict(self._db.execute("SELECT item, times FROM shown").fetchall())

    def answers(self, since: int = 0) -> Iterator[Answer]:
        """Answers from `since` (µs) on, in order of time."""
        sql = "SELECT id, at, model, body FROM answers WHERE at >= ? ORDER BY at, id"
        with self._lock:
            rows = self._db.execute(sql, (since,)).fetchall()
        for name, at, model, body in rows:
            yield Answer(name, at, model, msgspec.json.decode(body, type=tuple[Shown, ...]))

    def find(self, recommendation_id: str) -> Answer | None:
        """The answer with an id, None where there is none (any more)."""
        sql = "SELECT id, at, model, body FROM answers WHERE id = ?"
        with self._lock:
            row = self._db.execute(sql, (recommendation_id,)).fetchone()
        if row is None:
            return None
        name, at, model, body = row
        return Answer(name, at, model, msgspec.json.decode(body, type=tuple[Shown, ...]))

    def flush(self) -> None:
        """Wait until everything noted so far is written."""
        self._queue.join()

    def close(self) -> None:
        """Write what waits and let go of the file."""
        self._queue.put(None)
        self._thread.join()
        self._db.close()

    def _write(self) -> None:
        while True:
            group, last = self._group()
            try:
                self._keep(group)
            except sqlite3.Error:  # a full disk: the service goes on without its ledger
                self.dropped += len(group)
            for _ in range(len(group) + last):
                self._queue.task_done()
            if last:
                return
            time.sleep(_REST)

    def _group(self) -> tuple[list[Answer], bool]:
        group: list[Answer] = []
        found = self._queue.get()
        while found is not None:
            group.append(found)
            if len(group) >= _GROUP or self._queue.empty():
                return group, False
            found = self._queue.get()
        return group, True

    def _keep(self, group: Sequence[Answer]) -> None:
        if not group:
            return
        rows = [(a.recommendation_id, a.at, a.model_version, msgspec.json.encode(a.items)) for a in group]
        times = Counter(item for answer in group for item in answer.counted)
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)
                add = "INSERT INTO shown VALUES (?, ?) ON CONFLICT(item) DO UPDATE SET times = times + excluded.times"
                self._db.executemany(add, times.items())
                self._db.execute("DELETE FROM answers WHERE at < ?", (max(a.at for a in group) - KEPT,))
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._db.execute("ROLLBACK")
                raise
