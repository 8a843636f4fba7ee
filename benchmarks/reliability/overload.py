"""Campaign 9: at three times its capacity the service sheds what it cannot do and serves the rest as quickly as ever.

Capacity is measured in a closed loop, the normal latency in an open loop at half of it. Then three times the capacity,
then half again: only 200, 429 and 503 may come back, the accepted answers' p99 may be twice the normal one, and five
seconds after the flood it must be normal.

Control: a service with an endless queue; its accepted answers get slower and slower, which must be caught.
"""

import asyncio
import json
from collections.abc import Sequence
from multiprocessing import get_context
from typing import NamedTuple

from benchmarks.load import Address, Run, closed_loop, open_loop, pin, post, quantile
from benchmarks.reliability.campaign import Campaign, Found
from benchmarks.reliability.living import living
from benchmarks.shop_of_size import shop_of_size
from muslin.engine.model import Model
from muslin.http.app import create_app
from muslin.http.body import Limits

ALLOWED = frozenset({200, 429, 503})


class Findings(NamedTuple):
    """Seconds, requests a second, and how many of each status came back in the flood."""

    capacity: float
    normal_p99: float
    flood_p99: float
    after_p99: float
    statuses: dict[int, int]

    @property
    def kept(self) -> bool:
        quick = self.flood_p99 <= 2 * self.normal_p99 and self.after_p99 <= 2 * self.normal_p99
        return quick and set(self.statuses) <= ALLOWED and self.statuses.get(200, 0) > 0


async def campaign(address: Address, requests: Sequence[bytes], seconds: float, workers: int = 4) -> Findings:
    """Run it with requests drawn round-robin from `requests`."""

    def many(count: float) -> list[bytes]:
        return [requests[n % len(requests)] for n in range(max(1, int(count)))]

    await closed_loop(address, many(20), workers)
    warm = await closed_loop(address, many(40), workers)
    guess = len(warm.samples) / warm.seconds
    measured = await closed_loop(address, many(guess * seconds), workers)
    capacity = len(measured.of(200)) / measured.seconds
    normal = await open_loop(address, many(capacity / 2 * seconds), capacity / 2)
    flood = await open_loop(address, many(max(120, capacity * 3 * seconds)), capacity * 3, connections=256)
    await asyncio.sleep(5 if seconds > 5 else 0.5)
    after = await open_loop(address, many(capacity / 2 * seconds), capacity / 2)
    return Findings(capacity, _p99(normal), _p99(flood), _p99(after), flood.statuses())


def _p99(run: Run) -> float:
    return quantile(run.of(200), 0.99)


def promised(scale: float) -> Found:
    """The same service with its bounds, and with an endless queue."""
    from muslin.recipes.fit import fit

    seconds, found = max(2.0, 20 * scale), Found()
    model = fit(shop_of_size(20_000, 2000, 50_000), "content_knn")
    bodies = [json.dumps({"user_id": f"u{n:06d}", "n": 20}).encode() for n in range(1000)]
    requests = [post("/v1/recommendations", body) for body in bodies]
    endless = Limits(waiting=1_000_000, wait_seconds=1e9)
    right, wrong = (_flooded(model, limits, requests, seconds) for limits in (Limits(), endless))
    if not set(right.statuses) <= ALLOWED:
        found.failures.append(f"other statuses than {sorted(ALLOWED)}: {right.statuses}")
    if right.flood_p99 > 2 * right.normal_p99:
        found.failures.append(f"p99 {right.flood_p99:.3f} s in the flood, {right.normal_p99:.3f} s before")
    if right.after_p99 > 2 * right.normal_p99:
        found.failures.append(f"p99 {right.after_p99:.3f} s five seconds after the flood")
    found.controls["an endless queue"] = not wrong.kept
    milliseconds = {name: round(getattr(right, f"{name}_p99") * 1000, 1) for name in ("normal", "flood", "after")}
    found.done = {
        "capacity, requests a second": round(right.capacity, 1),
        **{f"p99 {name}, ms": value for name, value in milliseconds.items()},
        **{str(status): count for status, count in right.statuses.items()},
    }
    found.notes.append(f"{seconds:g} seconds of each phase; the load comes from a process of its own")
    return found


def _flooded(model: Model, limits: Limits, requests: Sequence[bytes], seconds: float) -> Findings:
    with living(create_app(model, limits)) as address, get_context("spawn").Pool(1) as pool:
        return pool.apply(_in_child, (address, requests, seconds))


def _in_child(address: Address, requests: Sequence[bytes], seconds: float) -> Findings:
    pin(0)
    return asyncio.run(campaign(address, requests, seconds))


CAMPAIGN = Campaign(
    9,
    "overload",
    "overload sheds",
    "open loop at 3× capacity: only 200/429/503; accepted p99 ≤ 2× normal; recovered ≤ 5 s",
    promised,
)
