"""Shedding: what is accepted is served soon, the rest is refused at once."""

import asyncio
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from benchmarks.load import post
from benchmarks.reliability.overload import ALLOWED, Findings, campaign

from muslin.engine.model import Model
from muslin.http.app import application
from muslin.http.body import Limits
from muslin.http.listen import configured, listening
from muslin.http.pressure import Pressure
from muslin.http.problems import ProblemError
from muslin.http.service import Service, proved

LIMITS = Limits(threads=2, waiting=64, wait_seconds=0.05)


def room(*seconds: float) -> int:
    pressure = Pressure(LIMITS)
    for one in seconds:
        pressure.enter()
        pressure.leave(one)
    return pressure.room


def test_room_follows_the_time_work_takes() -> None:
    assert room() == 66
    assert room(0.0001) == 66
    assert room(0.01) == 2 + 10
    assert room(0.002) == 2 + 50
    assert room(5.0) == 2 + 8  # never fewer than four a thread: after work that long, quick work may come
    assert room(*[1.0] * 5, *[0.002] * 200) in {51, 52}


def test_no_room_is_said_at_once() -> None:
    pressure = Pressure(Limits(threads=1, waiting=1))
    pressure.enter()
    pressure.enter()
    with pytest.raises(ProblemError) as caught:
        pressure.enter()
    assert (caught.value.code, caught.value.headers) == ("overloaded", {"Retry-After": "1"})
    pressure.leave(0.001)
    pressure.enter()


class Slow:
    """A method that takes its time without using the processor."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.evidence = inner, inner.evidence

    def init(self, data: Any, seed: int) -> Any:
        return self.inner.init(data, seed)

    def score(self, params: Any, users: Any, items: Any) -> Any:
        time.sleep(0.04)
        return self.inner.score(params, users, items)


def flood(model: Model, limits: Limits) -> Findings:
    slow = replace(model, fitted=model.fitted._replace(method=Slow(model.fitted.method)))
    service = Service(limits)
    service.open(proved(slow))
    with listening("127.0.0.1", 0, locked=False) as listener:
        server = uvicorn.Server(configured(application(service, limits)))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            requests = [post("/v1/recommendations", b'{"user_id": "ann", "n": 3}')]
            return asyncio.run(campaign(listener.getsockname()[:2], requests, 0.5, workers=4))
        finally:
            server.should_exit = True
            thread.join()


def test_a_flood_is_shed(model: Model) -> None:
    """Campaign 9 with a control beside it, so that no figure depends on the machine."""
    shed = flood(model, LIMITS)
    assert set(shed.statuses) == {200, 503} <= ALLOWED
    assert min(shed.statuses.values()) >= 5
    endless = flood(model, Limits(threads=2, waiting=100_000, wait_seconds=1e9))
    assert set(endless.statuses) == {200}
    assert shed.flood_p99 < endless.flood_p99 / 2
    assert not endless.kept
