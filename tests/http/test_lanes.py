"""Answers wait for nothing but answers: not for events, not for changes of the catalogue, not for the writer."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from muslin.engine.gate import Asked
from muslin.engine.model import Model
from muslin.engine.online.online import clock
from muslin.engine.online.stored import Put
from muslin.http.answering import answer, behind
from muslin.http.body import Limits
from muslin.http.recent import recent
from muslin.http.recommended import RecommendationRequest
from muslin.http.service import Service, proved

ASK = RecommendationRequest(user_id="zoe", n=3)


@pytest.fixture
def service(model: Model, tmp_path: Path) -> Iterator[Service]:
    service = Service(Limits(threads=1), tmp_path / "state")
    service.open(proved(model))
    yield service
    asyncio.run(service.close())


@contextmanager
def busy_writer(service: Service) -> Iterator[None]:
    """Nothing can be written meanwhile."""
    stop, begun = threading.Event(), threading.Event()

    def held() -> None:
        begun.set()
        stop.wait(30)

    future = service.online._writer.call(held)
    assert begun.wait(30)
    try:
        yield
    finally:
        stop.set()
        future.result(30)


def test_a_profile_is_read_while_the_writer_is_busy(service) -> None:
    service.online.put_users([Put("zoe", clock(), {"club": "gold"})])
    with busy_writer(service):
        found = asyncio.run(service.run(lambda served: answer(service, served, ASK)))
    assert service.online.profile("zoe") == {"club": "gold"}
    assert found.fallback_reason == "no_history"  # and not unknown_user: the profile was found


def test_waiting_for_events_takes_no_thread(service) -> None:
    async def both() -> tuple[bool, int]:
        late = asyncio.create_task(behind(service.online, service.online.seq + 10))
        await asyncio.sleep(0)
        found = await service.run(lambda served: len(answer(service, served, ASK).items))
        return await late, found

    late, found = asyncio.run(both())
    assert late
    assert found
    assert not asyncio.run(behind(service.online, service.online.seq))
    assert asyncio.run(behind(None, 1))


@pytest.mark.parametrize("kind", ["change", "survey"])
def test_answers_go_on_while_the_catalogue_changes_or_an_audience_is_looked_for(service, kind) -> None:
    async def both() -> int:
        stop, begun = threading.Event(), threading.Event()

        def held(_shop_or_served: object) -> None:
            begun.set()
            stop.wait(30)

        other = asyncio.create_task(getattr(service, kind)(held))
        await asyncio.to_thread(begun.wait, 30)
        try:
            return await service.run(lambda served: len(answer(service, served, ASK).items))
        finally:
            stop.set()
            await other

    assert asyncio.run(asyncio.wait_for(both(), 60))


def test_the_gate_asks_what_shoppers_did_lately(service) -> None:
    assert recent(service) == []
    now = clock() // 1000
    took = [("ann", "dress1"), ("bob", "shirt1"), ("ann", "scarf1"), ("ann", "dress2"), ("zoe", "dress9")]
    rows = [{"event_id": f"e{n}", "type": "click", "user_id": u, "item_id": i} for n, (u, i) in enumerate(took)]
    service.online.ingest([{**row, "timestamp": now - 100 + n} for n, row in enumerate(rows)])
    assert recent(service) == [Asked(("dress1", "scarf1"), "dress2")]


def test_what_is_shown_is_measured(service) -> None:
    def measured() -> float:
        lines = [line for line in service.metrics.text().splitlines() if line.startswith("muslin_exposure_gini ")]
        return float(lines[0].split()[1])

    assert measured() == 0
    for _ in range(3):
        asyncio.run(service.run(lambda served: answer(service, served, RecommendationRequest(n=1))))
    assert measured() > 0.5
