"""Campaign 5: models are swapped while shoppers ask; no request fails and no answer mixes two models.

Each model has a witness: what it answers to a fixed request while nothing is swapped. Whatever version an answer names,
its garments and scores must be that version's witness.

Control: a service that names one model and lets another answer; it must be caught.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Ask = Callable[[], tuple[int, Mapping[str, Any]]]
"""Status and body of one recommendation request."""
Swap = Callable[[int], int]
"""Do the n-th swap and give its status."""
Witness = tuple[tuple[str, float], ...]


@dataclass
class Findings:
    """What happened."""

    swaps: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    """By model version."""
    failed: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return self.swaps > 0 and len(self.answers) > 1 and not self.failed and not self.mixed


def witness(items: Any) -> Witness:
    return tuple((item["item_id"], round(item["score"], 5)) for item in items)


def run(ask: Ask, swap: Swap, witnesses: Mapping[str, Witness], *, swaps: int, rps: float = 100) -> Findings:
    """Ask `rps` times a second on four threads, from the intended times on, while swapping `swaps` times."""
    found, stop, lock = Findings(), threading.Event(), threading.Lock()
    started, count = time.monotonic(), iter(range(10**9))

    def shopper() -> None:
        while not stop.is_set():
            with lock:
                due = started + next(count) / rps
            time.sleep(max(0.0, due - time.monotonic()))
            status, body = ask()
            with lock:
                _judge(found, status, body, witnesses)

    threads = [threading.Thread(target=shopper) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(swaps):
        status = swap(n)
        with lock:
            found.swaps += 1
            if status not in {200, 201}:
                found.failed.append(f"swap {n}: {status}")
    stop.set()
    for thread in threads:
        thread.join()
    return found


def _judge(found: Findings, status: int, body: Mapping[str, Any], witnesses: Mapping[str, Witness]) -> None:
    if status != 200 or body.get("degraded"):
        found.failed.append(f"{status} {body.get('code', 'degraded')}")
        return
    version = body["model_version"]
    found.answers[version] += 1
    if witness(body["items"]) != witnesses.get(version):
        found.mixed.append(version)
