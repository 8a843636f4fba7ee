"""Campaign 12: the order of events does not matter.

The same events go in shuffled, cut into batches at random, 30 % of what is sent for the second time, with times up to
48 hours apart, over small bounds so that first shoppers and histories overflow, and with restarts. Every way must end
in the same hash.

Controls: a state in which the last event of a pair counts and not the largest, and one that adds weights as floats in
single precision; both must end in different hashes.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.reliability.campaign import Campaign, Found, sized
from benchmarks.reliability.traffic import Traffic, memory, rules, secret
from muslin.engine.online import slots
from muslin.engine.online.online import Online

EVENTS = 400
_SMALL = {"support": 5, "history": 6, "slots": 20, "snapshot_events": 97}


def hashes(directory: Path, orders: int, seed: int = 0) -> set[str]:
    """The hashes that `orders` orders of the same events end in."""
    events = Traffic(seed, people=30, garments=12).batch(EVENTS)
    return {_one(directory / str(n), events, np.random.default_rng((seed, n))) for n in range(orders)}


def _one(directory: Path, events: list[dict[str, Any]], rng: np.random.Generator) -> str:
    again = rng.choice(len(events), size=int(0.43 * len(events)), replace=False)  # 30 % of all that is sent
    order = rng.permutation(np.concatenate([np.arange(len(events)), again]))
    online = Online.open(secret(directory), rules(**_SMALL))
    try:
        while len(order):
            size = int(rng.integers(1, 60))
            online.ingest([events[i] for i in order[:size]])
            order = order[size:]
            if rng.random() < 0.1:
                online.close()
                online = Online.open(directory, rules(**_SMALL))
        return online.state_hash()
    finally:
        online.close()


class _LastWins:
    """Mutant: of a pair the last event counts."""

    def __enter__(self) -> None:
        self._before = slots._keep

        def keep(pairs: dict[Any, int], pair: Any, weight: int, most: int, *, newest: bool) -> bool:
            changed = self._before(pairs, pair, weight, most, newest=newest)
            if pair in pairs:
                pairs[pair] = weight
            return changed

        slots._keep = keep

    def __exit__(self, *_: object) -> None:
        slots._keep = self._before


class _Floats:
    """Mutant: weights are added in single precision, and are no whole numbers."""

    def __enter__(self) -> None:
        self._before = slots.Item.add

        def add(item: slots.Item, day: int, weight: int) -> None:
            item.days[day] = float(np.float32(item.days.get(day, 0)) + np.float32(weight / 3))  # type: ignore[assignment]

        slots.Item.add = add  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        slots.Item.add = self._before  # type: ignore[method-assign]


def run(scale: float) -> Found:
    """See the module."""
    orders = sized(500, scale, 4)
    found = Found()
    with TemporaryDirectory(dir=memory()) as place:
        ends = hashes(Path(place) / "right", orders)
        found.done = {"orders": orders, "events each": EVENTS, "sent again": "30 %"}
        if len(ends) > 1:
            found.failures.append(f"{len(ends)} different states")
        for name, mutant in (("the last event of a pair counts", _LastWins()), ("float sums", _Floats())):
            with mutant:
                found.controls[name] = len(hashes(Path(place) / name, min(orders, 20))) > 1
    return found


CAMPAIGN = Campaign(
    12, "disorder", "order does not matter", "shuffled, 30 % duplicates, ±48 h skew: identical hash", run
)
