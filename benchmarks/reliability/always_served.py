"""Campaign 16: a shopper nobody knows, asked for with every filter, of full, emptied and sold-out catalogues.

Expected: always 200, and an answer that is empty or not personal says why. Control: a service that answers nothing and
gives no reason, and one that fails; both must be caught.
"""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from litestar.testing import TestClient

from benchmarks.reliability.campaign import Campaign, Found
from muslin.http.app import create_app

OK = 200
Ask = Callable[[Mapping[str, Any]], tuple[int, Mapping[str, Any]]]
"""Status and body of a request for recommendations."""

WHO: tuple[dict[str, Any], ...] = (
    {},
    {"user_id": "nobody anyone knows"},
    {"session_id": "a first visit"},
    {"user_id": "\u7a7a", "context_items": ["no such garment"]},
)
FILTERS: tuple[dict[str, Any], ...] = (
    {"in_stock": True},
    {"price": {"min": 10}},
    {"price": {"max": 0}},
    {"categories": ["no such category"]},
    {"genders": ["no such gender"]},
    {"sizes": ["no such size"]},
    {"brands": ["no such brand"]},
    {"exclude_items": ["no such garment"]},
)
HOW: tuple[dict[str, Any], ...] = ({}, {"n": 1}, {"n": 100, "explain": True}, {"explore": True}, {"domain": "nowhere"})


class Round(NamedTuple):
    """Requests asked of one catalogue, and what was wrong with their answers."""

    asked: int
    failures: tuple[str, ...]


def requests() -> Iterator[dict[str, Any]]:
    """Every shopper with every manner and every set of up to two filters."""
    sets = [(), *((f,) for f in FILTERS), *itertools.combinations(FILTERS, 2)]
    for who, how, some in itertools.product(WHO, HOW, sets):
        filters = {name: value for one in some for name, value in one.items()}
        yield {**who, **how, **({"filters": filters} if filters else {})}


def run(ask: Ask, every: int = 1) -> Round:
    """Ask every `every`-th of the requests."""
    asked, failures = 0, []
    for request in itertools.islice(requests(), 0, None, every):
        asked += 1
        failures.extend(f"{request}: {what}" for what in _wrong(request, *ask(request)))
    return Round(asked, tuple(failures))


def _wrong(request: Mapping[str, Any], status: int, body: Mapping[str, Any]) -> Iterator[str]:
    if status != OK:
        yield f"status {status}"
        return
    items = body.get("items", [])
    personal = items and all(item["path"] != "fallback" for item in items)
    if not personal and not body.get("fallback_reason"):
        yield "empty or not personal, and no reason given"
    if len(items) > request.get("n", 20):
        yield "more garments than asked for"


def asking(client: TestClient[Any]) -> Ask:
    """Asks the service of a client."""

    def ask(request: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        answer = client.post("/v1/recommendations", json=dict(request))
        return answer.status_code, answer.json()

    return ask


def sell_out(client: TestClient[Any], ids: Sequence[str]) -> None:
    """Nothing is in stock any more."""
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        client.patch("/v1/items:stock", json={"items": [{"item_id": name, "stock": 0} for name in some]})


def empty(client: TestClient[Any], ids: Sequence[str]) -> None:
    """Every garment leaves."""
    for name in ids:
        client.delete(f"/v1/items/{name}")


def promised(scale: float) -> Found:
    """All requests (or every so many) of a full, a sold-out and an empty catalogue, and the controls."""
    from muslin.recipes.fit import fit
    from muslin.testing.worlds import tiny_shop

    model, found = fit(tiny_shop(items=60, users=60, events=300), "content_knn"), Found()
    ids, every = model.world.catalogue.ids.tolist(), max(1, round(1 / scale))
    with tempfile.TemporaryDirectory() as folder, TestClient(create_app(model, state=Path(folder))) as client:
        for name, change in (("full", None), ("sold out", sell_out), ("empty", empty)):
            if change is not None:
                change(client, ids)
            one = run(asking(client), every)
            found.done[f"{name} catalogue, requests"] = one.asked
            found.failures += one.failures[:20]
    silent, failing = run(lambda _: (OK, {"items": []})), run(lambda _: (500, {}))
    found.controls["empty without a reason"] = len(silent.failures) == silent.asked
    found.controls["a service that fails"] = len(failing.failures) == failing.asked
    return found


CAMPAIGN = Campaign(
    16,
    "always_served",
    "cold shopper always served",
    "unknown user × empty catalogue × every filter: never 5xx; fallback_reason set",
    promised,
)
