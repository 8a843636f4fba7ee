"""Campaign 11: days of events on a virtual clock; memory and open files stay flat and the state is that of a replay.

Shoppers come and go (their number only grows), so what is bounded must be seen to be bounded. The clock moves as the
events say; nothing sleeps. In the end a fresh state is told the same events in other batches, and must be equal.

Controls: a run that keeps every receipt must show in memory, one that opens a file a batch in the open files, and one
that loses an event in the state.

    python -m benchmarks.reliability.soak [HOURS] [EVENTS_PER_SECOND]
"""

import gc
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from muslin.engine.online.keys import SECRET
from muslin.engine.online.online import Online
from muslin.engine.online.rules import Rules

START = 1_700_000_000_000_000
"""µs UTC: 2023-11-14."""
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
    same_as_replay: bool

    @property
    def flat(self) -> bool:
        return abs(self.megabytes_per_million_events) < 20 and self.files_grown <= 0 and self.same_as_replay


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
    folder: Path, hours: float, per_second: float, aside: Aside = lambda _: None, rules: Rules | None = None
) -> Findings:
    """Send the traffic to a state in `folder` and tell what became of memory, files and state."""
    now, samples, sent = [START], [], 0
    rules = rules or Rules(shopper_rate=1_000_000)
    with Online.open(folder / "state", rules, now=lambda: now[0]) as online:
        for moment, events in traffic(hours, per_second):
            now[0] = moment
            online.ingest(events)
            aside(events)
            sent += len(events)
            if len(samples) < 40 * sent / (hours * 3600 * per_second):
                samples.append((sent, *_used()))
        hashed = online.state_hash()
    again = _replayed(folder, hours, per_second, rules)
    half = samples[len(samples) // 2 :]
    return Findings(
        sent,
        hours,
        _slope([at / 1e6 for at, _, _ in half], [memory for _, memory, _ in half]),
        samples[-1][1],
        half[-1][2] - half[0][2],
        hashed == again,
    )


def _replayed(folder: Path, hours: float, per_second: float, rules: Rules) -> str:
    fresh = folder / "again"
    fresh.mkdir()
    shutil.copy(folder / "state" / SECRET, fresh / SECRET)
    now = [START]
    with Online.open(fresh, rules, now=lambda: now[0]) as online:
        for moment, events in traffic(hours, per_second, batch=730):
            now[0] = moment
            online.ingest(events)
        return online.state_hash()


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


def main() -> int:
    hours, per_second = (float(word) for word in [*sys.argv[1:3], *("72", "20")[len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), hours, per_second)
    print(json.dumps({**found._asdict(), "flat": found.flat}))
    return 0 if found.flat else 1


if __name__ == "__main__":
    sys.exit(main())
