"""Campaign 9: at three times its capacity the service sheds what it cannot do and serves the rest as quickly as ever.

Capacity is measured in a closed loop, the normal latency in an open loop at half of it. Then three times the capacity,
then half again: only 200, 429 and 503 may come back, the accepted answers' p99 may be twice the normal one, and five
seconds after the flood it must be normal.

Control: a service with an endless queue; its accepted answers get slower and slower, which must be caught.

    python -m benchmarks.reliability.overload URL [SECONDS]
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.load import Address, Run, closed_loop, open_loop, pin, post, quantile

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


def main() -> int:
    url, seconds = sys.argv[1], float((sys.argv[2:] or ["20"])[0])
    pin(0)
    host, _, port = url.removeprefix("http://").partition(":")
    bodies = [json.dumps({"user_id": f"u{n}", "n": 20}).encode() for n in range(1000)]
    requests = [post("/v1/recommendations", body) for body in bodies]
    found = asyncio.run(campaign((host, int(port)), requests, seconds))
    print(json.dumps({**found._asdict(), "kept": found.kept}))
    return 0 if found.kept else 1


if __name__ == "__main__":
    sys.exit(main())
