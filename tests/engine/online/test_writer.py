"""The one writer thread: whatever happens to a batch, the next one is written."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest

from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online
from muslin.engine.online.refused import RefusedError
from muslin.engine.online.stored import Put

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


class Lost:
    """A connection whose next commit reaches the disk, and fails all the same."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db, self.failed = db, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        done = self._db.execute(sql, *values)
        if sql == "COMMIT" and not self.failed:
            self.failed = True
            raise sqlite3.OperationalError("disk I/O error")
        return done


def losing(online: Online, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Lost(online._db)
    for owner, name in ((online, "_db"), (online._admission, "db")):
        monkeypatch.setattr(owner, name, lost)


def test_garments_taken_up_by_a_commit_that_failed_are_in_the_state(
    opened: Callable[..., Online], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = opened()
    online.know(["dress1"])
    assert online.ingest([make(1, item="hat")]).pending == 1
    with monkeypatch.context() as patched:
        losing(online, patched)
        with pytest.raises(RefusedError):
            online.know(["dress1", "hat"])
        assert online.ingest([make(2)]).accepted == 1
    assert online.seen(ANN) == {"dress1", "hat"}
    expected = online.state_hash()
    online.close()
    assert opened().state_hash() == expected


def test_the_number_of_rows_put_by_a_commit_that_failed_is_taken(
    opened: Callable[..., Online], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = opened()
    online.ingest([make(1)])
    with monkeypatch.context() as patched:
        losing(online, patched)
        with pytest.raises(RefusedError):
            online.put_items([Put("a", 1, {})])
        assert online.put_items([Put("b", 1, {})]).seq == 3
    assert {row.id: row.seq for row in online.items()} == {"a": 2, "b": 3}
    assert online.ingest([make(2)]).committed_seq == 4


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
