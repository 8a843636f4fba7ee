"""What an erasure removes of what was rejected, what it leaves, and when it must not say that it is done."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from muslin.engine.online.online import Online

Make = Callable[..., dict[str, Any]]


def test_a_short_id_takes_nobody_elses_rejected_events_along(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    online.ingest([make(1, "bea", price=-1), make(2, "e", price=-1)])
    online.erase("e")
    assert [bad["code"] for bad in online.export("bea")["rejected"]] == ["out_of_range"]
    assert online.export("e")["rejected"] == []


@pytest.mark.parametrize("name", ['a"n', "a\\n", "\t", "安娜"])
def test_an_id_is_found_as_json_writes_it(opened: Callable[..., Online], make: Make, name: str) -> None:
    online = opened()
    lost = make(1, price=-1) | {"customer": name}
    del lost["user_id"]
    online.ingest([lost])
    count = "SELECT count(*) FROM quarantine"
    assert online._db.execute(count).fetchone() == (1,)
    online.erase(name)
    assert online._db.execute(count).fetchone() == (0,)


def test_an_erasure_whose_log_cannot_be_emptied_fails_and_can_be_repeated(
    opened: Callable[..., Online], make: Make, tmp_path: Path
) -> None:
    online = opened()
    online.ingest([make(1)])
    online._do(lambda: online._db.execute("PRAGMA busy_timeout=0").fetchone())
    other = sqlite3.connect(tmp_path / "state" / "state.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM events").fetchone()
    with pytest.raises(sqlite3.OperationalError):
        online.erase("ann")
    other.close()
    online.erase("ann")
    assert (tmp_path / "state" / "state.db-wal").stat().st_size == 0
    assert online.export("ann")["events"] == []
