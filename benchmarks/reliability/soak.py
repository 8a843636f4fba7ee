"""Campaign 11: days of events on a virtual clock; memory and open files stay flat and the state is that of a replay.

Shoppers come and go (their number only grows), so what is bounded must be seen to be bounded. The clock moves as the
events say; nothing sleeps. In the end the log holds every event, and the state that follows from it alone is the same.

Controls: a run that keeps every receipt must show in memory, one that opens a file a batch in the open files, and one
that loses an event in the state.
"""

import gc
import os
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, Steps, unhurried
from benchmarks.reliability.traffic import memory, rebuilt_hash
from muslin.engine.online.database import FILE
from muslin.engine.online.online import Online
from muslin.engine.online.rules import Rules

START = 1_700_000_000_000_000
"""µs UTC: 2023-11-14."""
FLAT = 20.0
"""MB per million events that are no growth yet."""
RULES = Rules(shopper_rate=1_000_000, slots=2000, snapshot_events=5000)
"""Slots for fewer shoppers than come: what is bounded must be at its bound long before half of the time is over."""
SAMPLES = 40
"""Times that memory and files are looked at."""
NOTHING = nullcontext()
_SECOND = 1_000_000
_KINDS = ("view", "view", "view", "click", "click", "cart", "purchase", "impression")
_VISITORS = 400
"""Shoppers who are about at any time; each hour half of them are new."""

Batch = list[dict[str, Any]]
Aside = Callable[[Batch], None]
"""Done with every batch beside sending it; the controls misbehave here."""


class Findings(NamedTuple):
    """What was measured. Memory in MB, over the second half of the run, in which nothing has to grow any more."""

    events: int
    hours: float
    megabytes_per_million_events: float
    megabytes: float
    files_grown: int
    logged: int
    """Events in the log."""
    same_as_replay: bool

    @property
    def flat(self) -> bool:
        """Nothing grew, nothing is missing and the state is that of a replay."""
        still = abs(self.megabytes_per_million_events) < FLAT and self.files_grown <= 0
        return still and self.logged == self.events and self.same_as_replay


def traffic(hours: float, per_second: float, seed: int = 0, batch: int = 100) -> Iterator[tuple[int, Batch]]:
    """The virtual time of each batch (µs), and its events."""
    rng, sent = random.Random(seed), 0
    count = int(hours * 3600 * per_second)
    while sent < count:
        events = [_event(n, int(n / per_second), rng) for n in range(sent, min(sent + batch, count))]
        sent += len(events)
        yield START + int(sent / per_second * _SECOND), events


def _event(number: int, second: int, rng: random.Random) -> dict[str, Any]:
    newcomer = second // 3600 * (_VISITORS // 2)
    return {
        "event_id": f"e{number}",
        "type": rng.choice(_KINDS),
        "user_id": f"u{newcomer + int(rng.betavariate(1, 3) * _VISITORS)}",
        "item_id": f"g{int(rng.paretovariate(0.6)) % 5000}",
        "timestamp": START // 1000 + second * 1000,
    }


def run(
    folder: Path,
    hours: float,
    per_second: float,
    aside: Aside = lambda _: None,
    replaying: AbstractContextManager[None] = NOTHING,
    batch: int = 100,
) -> Findings:
    """Send the traffic to a state in `folder` and tell what became of memory, files and state."""
    now, samples, sent, whole = [START], [], 0, round(hours * 3600 * per_second)
    steps = Steps("soak", whole)
    with Online.open(folder / "state", RULES, now=lambda: now[0]) as online:
        for moment, events in traffic(hours, per_second, batch=batch):
            now[0] = moment
            online.ingest(events)
            aside(events)
            sent += len(events)
            if len(samples) < SAMPLES * sent / whole:
                samples.append((sent, *_used()))
            if not steps.at(sent, f"{samples[-1][1]:.0f} MB"):
                break
        hashed = online.state_hash()
    with replaying:
        same = hashed == rebuilt_hash(folder / "state", folder / "again", RULES)
    half = samples[len(samples) // 2 :]
    return Findings(
        sent,
        sent / per_second / 3600,
        _slope([at / 1e6 for at, _, _ in half], [memory for _, memory, _ in half]),
        samples[-1][1],
        half[-1][2] - half[0][2],
        _logged(folder / "state"),
        same,
    )


def _logged(directory: Path) -> int:
    db = sqlite3.connect(directory / FILE)
    try:
        return int(db.execute("SELECT count(*) FROM events").fetchone()[0])
    finally:
        db.close()


def _used() -> tuple[float, int]:
    """Resident memory in MB and the number of open files of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, sum(1 for _ in Path("/proc/self/fd").iterdir())


def _slope(at: Sequence[float], values: Sequence[float]) -> float:
    """Of the least-squares line."""
    middle, mean = sum(at) / len(at), sum(values) / len(values)
    spread = sum((x - middle) ** 2 for x in at)
    return sum((x - middle) * (y - mean) for x, y in zip(at, values, strict=True)) / spread if spread else 0.0


def promised(scale: float) -> Found:
    """The run, and each control in a short one."""
    hours, found = max(0.5, 72 * scale), Found()
    right = _apart(hours, 20, "nothing")
    found.done = {
        "virtual hours": round(right.hours, 2),
        "events": right.events,
        "MB per million events": round(right.megabytes_per_million_events, 2),
        "MB at the end": round(right.megabytes, 1),
        "open files more": right.files_grown,
    }
    found.share = right.hours / hours
    if right.logged != right.events:
        found.failures.append(f"{right.logged} events of {right.events} are in the log")
    if not right.same_as_replay:
        found.failures.append("the state is not that of a replay")
    if right.files_grown > 0:
        found.failures.append(f"{right.files_grown} open files more")
    if abs(right.megabytes_per_million_events) >= FLAT:
        found.failures.append(f"memory grows by {right.megabytes_per_million_events:.1f} MB per million events")
    unhurried()
    for what in _FAULTS:
        found.controls[what] = not _apart(0.25, 1, what).flat
    return found


def _apart(hours: float, per_second: float, fault: str) -> Findings:
    """`run` in a fresh process."""
    with tempfile.TemporaryDirectory(dir=memory()) as folder, get_context("spawn").Pool(1) as pool:
        return pool.apply(_in_child, (Path(folder), hours, per_second, fault))


def _in_child(folder: Path, hours: float, per_second: float, fault: str) -> Findings:
    if fault == _LOSES:
        return run(folder, hours, per_second, replaying=mutants.replay_skips())
    if fault not in _FAULTS:
        return run(folder, hours, per_second, batch=500)
    kept: list[Any] = []
    return run(folder, hours, per_second, lambda _: kept.append(_FAULTS[fault](folder)))


_LOSES = "an event is lost"
_FAULTS: dict[str, Callable[[Path], Any]] = {
    "receipts are kept": lambda _: bytearray(4_000_000),
    "a file a batch stays open": lambda folder: (folder / "leak").open("w"),
    _LOSES: lambda _: None,
}


CAMPAIGN = Campaign(
    11, "soak", "soak", "virtual clock: 72 h at 20 events/s: RSS slope ~0, fds flat, final hash = replay", promised
)
