"""The one writer thread: whatever happens to a batch, the next one is written."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest

from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online

Make = Callable[..., dict[str, Any]]
ANN = Shopper("user", "ann")


def held(online: Online) -> threading.Event:
    """The writer waits until the event is set."""
    go, inside = threading.Event(), threading.Event()
    online._writer.call(lambda: (inside.set(), go.wait(10)))
    inside.wait(10)
    return go


def test_a_batch_cancelled_before_its_commit_is_dropped_alone(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    go = held(online)
    gone, kept = online.submit([make(1, item="gone")]), online.submit([make(2)])
    assert gone.cancel()
    go.set()
    assert kept.result(10).accepted == 1
    assert online.submit([make(3, item="scarf1")]).result(10).accepted == 1
    assert online.seen(ANN) == {"dress1", "scarf1"}


def test_a_cancelled_call_is_not_done(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    done: list[int] = []
    go = held(online)
    call = online._writer.call(lambda: done.append(1))
    assert call.cancel()
    go.set()
    with pytest.raises(CancelledError):
        call.result(10)
    assert online.submit([make(1)]).result(10).accepted == 1
    assert done == []


def test_a_batch_in_its_commit_cannot_be_cancelled(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    tried: list[bool] = []
    go = held(online)
    online._timed = lambda _: tried.append(future.cancel())
    future = online.submit([make(1)])
    go.set()
    assert future.result(10).accepted == 1
    assert tried == [False]


def test_an_error_in_house_keeping_is_told_and_the_writer_goes_on(
    opened: Callable[..., Online], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = opened()
    told: list[BaseException] = []
    online._failed = told.append
    error = sqlite3.DatabaseError("malformed")

    def broken() -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(online, "_keep_house", broken)
        assert online.submit([make(1)]).result(10).accepted == 1
        assert online.submit([make(2, item="hat")]).result(10).accepted == 1
    assert online.submit([make(3, item="scarf1")]).result(10).accepted == 1
    assert set(told) == {error}
    assert online.seen(ANN) == {"dress1", "hat", "scarf1"}


def test_an_error_behind_the_commit_fails_its_batch_and_the_state_catches_up(
    opened: Callable[..., Online], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = opened()

    def broken(_rows: object) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patched:
        patched.setattr(online, "_failed", lambda _: 1 / 0)
        patched.setattr(online, "_applied", broken)
        with pytest.raises(RuntimeError, match="a fault"):
            online.submit([make(1)]).result(10)
    assert online.submit([make(2, item="scarf1")]).result(10).accepted == 1
    assert online.seen(ANN) == {"dress1", "scarf1"}  # the first was on the disk all the same
