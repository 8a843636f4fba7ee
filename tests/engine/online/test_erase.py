"""What an erasure removes of what was rejected, what it leaves, and when it must not say that it is done."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online
from muslin.engine.online.state import State

Make = Callable[..., dict[str, Any]]


def test_a_short_id_takes_nobody_elses_rejected_events_along(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    online.ingest([make(1, "bea", price=-1), make(2, "e", price=-1)])
    online.erase("e")
    assert [bad["code"] for bad in online.export("bea")["rejected"]] == ["out_of_range"]
    assert online.export("e")["rejected"] == []


def test_rejected_events_are_kept_without_the_ids_of_shoppers(
    opened: Callable[..., Online], make: Make, tmp_path: Path
) -> None:
    online = opened()
    who = {"user_id": "marguerite", "session_id": "visit-4711"}
    number = make(4) | {"user_id": 4711_0815}
    online.ingest([make(1, "marguerite"), make(1, "marguerite", item="hat"), make(2) | who, number])
    rejected = online.export("marguerite")["rejected"]
    assert [one["code"] for one in rejected] == ["exclusive_fields", "id_conflict"]
    assert all(json.loads(one["sent"])["user_id"] == "marguerite" for one in rejected)
    kept = [bytes(raw) for (raw,) in online._db.execute("SELECT raw FROM quarantine ORDER BY place")]
    assert sorted(json.loads(raw)["item_id"] for raw in kept) == ["dress1", "dress1", "hat"]
    online.close()
    content = (tmp_path / "state" / "state.db").read_bytes()
    assert not [name for name in (b"marguerite", b"visit-4711", b"47110815") if name in content]


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


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("seen with ann", True),
        ("ann, bea", True),
        ("bea\nann", True),
        ("ann-marie", True),
        ("hannah", False),
        ("anne", False),
        ("joann", False),
        ("ann2", False),
    ],
)
def test_an_id_within_a_text_is_found_as_a_word(
    opened: Callable[..., Online], make: Make, text: str, gone: bool
) -> None:
    online = opened()
    online.ingest([make(1, "bea", price=-1) | {"note": text}])
    online.erase("ann")
    assert (online.export("bea")["rejected"] == []) is gone


def test_an_id_in_chinese_is_found_between_other_words(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    online.ingest([make(1, "bea", price=-1) | {"note": "我和安娜一起看的"}])
    online.erase("安娜")
    assert online.export("bea")["rejected"] == []


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


def test_who_reads_while_an_erasure_is_written_brings_nothing_back(
    opened: Callable[..., Online], make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Until the erasure is committed, readers see what the disk had before."""
    ann = Shopper("user", "ann")
    online = opened()
    online.ingest([make(1, type="purchase"), make(2, "bea", type="purchase"), make(3, item="hat", type="purchase")])
    online.close()
    copytree(tmp_path / "state", tmp_path / "copy")
    online, unread = opened(), opened("copy")
    snapshot, seen = State.snapshot, []

    def after_a_look(state: State) -> None:
        seen.append((online.history(ann), online.revealed("dress1"), online.revealed("hat")))
        snapshot(state)

    with monkeypatch.context() as patch:
        patch.setattr(State, "snapshot", after_a_look)
        online.erase("ann")
    unread.erase("ann")
    assert seen
    assert (online.history(ann), online.revealed("hat"), len(online.revealed("dress1"))) == ((), (), 1)
    assert online.state_hash() == unread.state_hash()
