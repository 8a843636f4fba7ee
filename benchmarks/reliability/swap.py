"""Campaign 5: models are swapped while shoppers ask; no request fails and no answer mixes two models.

Each model has a witness: what it answers to a fixed request while nothing is swapped. Whatever version an answer names,
its garments and scores must be that version's witness.

Control: a service that names one model and lets another answer; it must be caught.
"""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reliability.campaign import Campaign, Found, sized
from benchmarks.serve import serving
from muslin.client import Client, Patience, ServiceError

RPS = 100.0
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


def promised(scale: float) -> Found:
    """Two models of a small shop, served by the real server."""
    from muslin.recipes.fit import fit
    from muslin.testing.worlds import tiny_shop

    found = Found()
    with tempfile.TemporaryDirectory() as folder:
        shelf = Path(folder) / "models"
        for name, method in (("one", "content_knn"), ("two", "item_knn")):
            fit(tiny_shop(), method).save(shelf / name)
        with serving(shelf / "one", Path(folder) / "state") as said:
            right = over_http(str(said["url"]), sized(1000, scale, 20))
            wrong = over_http(str(said["url"]), 5, misnamed)
    found.failures = [*right.failed[:20], *right.mixed[:20]]
    if len(right.answers) < 2:
        found.failures.append("only one of the models answered")
    answers = sum(right.answers.values())
    found.done = {"swaps": right.swaps, "answers": answers, "failed": len(right.failed), "mixed": len(right.mixed)}
    found.controls["one model named, the other answers"] = bool(wrong.mixed)
    found.notes.append(f"requests came due at {RPS} a second")
    return found


def misnamed(ask: Ask) -> Ask:
    """`ask` of a service that names another model than the one that answers, now and then."""
    names: list[Any] = []

    def wrong() -> tuple[int, Mapping[str, Any]]:
        status, body = ask()
        names.append(body.get("model_version"))
        return status, {**body, "model_version": names[0]} if status == 200 else body

    return wrong


def over_http(url: str, swaps: int, through: Callable[[Ask], Ask] = lambda ask: ask) -> Findings:
    """Run it against a server that serves the model `one` with `two` beside it; asked `through` a mutant, if any."""
    body = {"context_items": ["g0000"], "n": 5, "explore": False}
    local, patience = threading.local(), Patience(attempts=1)

    def client() -> Client:
        if not hasattr(local, "client"):
            local.client = Client(url, patience=patience)
        return local.client

    def ask() -> tuple[int, Mapping[str, Any]]:
        try:
            return 200, client().raw("POST", "/v1/recommendations", body)
        except ServiceError as error:
            return error.status, {"code": error.code}

    first = client().models()[0].model_id
    others = [model.model_id for model in client().models() if model.model_id != first]
    second = others[0] if others else client().load_model("two", accept_worse=True).model_id
    known = {}
    for model_id in (second, first):
        client().activate(model_id)
        known[model_id] = witness(ask()[1]["items"])

    def act(n: int) -> int:
        return 200 if client().activate((second, first)[n % 2]).state == "active" else 0

    return run(through(ask), act, known, swaps=swaps, rps=RPS)


CAMPAIGN = Campaign(
    5, "swap", "swap under load", "1,000 swaps at 100 requests a second: 0 failed, 0 mixed versions", promised
)
