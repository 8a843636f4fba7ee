"""Campaign 10: memory stays bounded however many shoppers come, and those who were evicted are still known.

Control: a state that evicts nobody; its memory must grow beyond the bound.
"""

import gc
import multiprocessing
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, Steps, sized, unhurried
from benchmarks.reliability.traffic import memory, rules
from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online, clock

TARGET = 5_000_000
BATCH = 500
WITNESSES = 200
FULL = 120_000
"""Events after which all that is bounded is at its bound: slots, SQLite's 32 MB of pages, the last 100,000 changes."""
CONTROL = 2 * FULL
"""Shoppers of the control."""
GARMENTS = 1000
GROWTH = 0.05


class Grown(NamedTuple):
    """New shoppers, growth of memory after the bounds were reached, witnesses whose answer changed, and evictions.

    The growth of a run that ended before the bounds were reached is NaN.
    """

    shoppers: int
    growth: float
    changed: int
    evictions: int


def grown(place: Path, shoppers: int, mutant: AbstractContextManager[None]) -> Grown:
    """Let new shoppers come.

    Memory is measured with a fifth of the shoppers in, or `FULL` where that is more, and at the end.
    """
    now, slots = clock() // 1000 - 1000, min(max(1000, shoppers // 20), FULL // 4)
    with mutant, Online.open(place, rules(slots=slots, snapshot_events=slots)) as online:
        told, early, steps = {}, 0, Steps("memory", shoppers)
        for start in range(0, shoppers, BATCH):
            online.ingest([_event(n, now) for n in range(start, min(start + BATCH, shoppers))])
            if len(told) < WITNESSES:
                told[start] = online.history(_shopper(start))
            if not early and start >= min(max(shoppers // 5, FULL), shoppers // 2):
                early = _resident()
            if not steps.at(start + BATCH, f"{_resident() / 1e6:.0f} MB" if start % (100 * BATCH) == 0 else ""):
                break
        late = _resident()
        changed = sum(online.history(_shopper(n)) != answer for n, answer in told.items())
        growth = (late - early) / early if early else float("nan")
        return Grown(start + BATCH, growth, changed, online.stats().evictions)


def _event(number: int, now: int) -> dict[str, object]:
    return {
        "event_id": f"e{number}",
        "type": "click",
        "user_id": f"user {number}",
        "item_id": f"garment {number % GARMENTS}",
        "timestamp": now,
    }


def _shopper(number: int) -> Shopper:
    return Shopper("user", f"user {number}")


def _resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def apart(shoppers: int, mutant: Callable[[], AbstractContextManager[None]]) -> Grown:
    """`grown` in a fresh process: what others left in ours would be counted."""
    with TemporaryDirectory(dir=memory()) as place, multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_in_child, (place, shoppers, mutant))


def _in_child(place: str, shoppers: int, mutant: Callable[[], AbstractContextManager[None]]) -> Grown:
    return grown(Path(place) / "state", shoppers, mutant())


def run(scale: float) -> Found:
    """See the module."""
    shoppers, found = sized(TARGET, scale, CONTROL), Found()
    right = apart(shoppers, nullcontext)
    found.share = right.shoppers / shoppers
    found.done = {
        "new users": right.shoppers,
        "growth after the cap": f"{right.growth:.1%}",
        "evictions": right.evictions,
    }
    if not right.growth <= GROWTH:
        found.failures.append(f"memory grew by {right.growth:.1%} after the cap")
    if right.changed:
        found.failures.append(f"{right.changed} evicted shoppers are answered otherwise")
    unhurried()
    found.controls["a state that evicts nobody"] = apart(CONTROL, mutants.never_evict).growth > GROWTH
    return found


CAMPAIGN = Campaign(
    10,
    "memory",
    "bounded memory",
    "5 M new users: RSS growth ≤ 5 % after the cap; an evicted user's answer unchanged",
    run,
)
