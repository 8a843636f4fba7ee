"""What is done for a batch at once comes to the same as event by event."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from muslin.engine.online import database, state
from muslin.engine.online.keys import SECRET
from muslin.engine.online.online import Online
from muslin.engine.online.rules import Rules

Make = Callable[..., dict[str, Any]]
KINDS = ("view", "click", "cart", "impression")


@pytest.fixture
def pair(opened: Callable[..., Online], tmp_path: Path) -> tuple[Online, Online]:
    """Two states of one secret: their hashes can be compared."""
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
        (tmp_path / name / SECRET).write_bytes(bytes(range(32)))
    given = Rules(slots=3, snapshot_events=100, shopper_rate=0, support=4, history=5, daily_cap=2)
    return opened("one", given), opened("many", given)


def shop(make: Make) -> list[dict[str, Any]]:
    """More events than are asked for in one statement; some twice, some with another body, some of unknown garments."""
    events = [make(n, f"u{n * n % 37}", f"g{n % 11}", type=KINDS[n % 4], ago=n % 200) for n in range(1, 240)]
    return events + events[100:130] + [{**event, "quantity": 3} for event in events[200:220]]


def test_a_large_batch_is_the_same_as_its_events_one_by_one(
    pair: tuple[Online, Online], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, many = pair
    for module in (database, state):
        monkeypatch.setattr(module, "_AT_ONCE", 60)
    for online in pair:
        online.know([f"g{n}" for n in range(9)])
        online.ingest([make(5000, "u4", "g1")])
        online.erase("u4")
    receipts = [one.ingest([event]) for event in shop(make)]
    receipt = many.ingest(shop(make))
    for field in ("accepted", "duplicates", "dropped", "pending"):
        assert getattr(receipt, field) == sum(getattr(single, field) for single in receipts) > 0, field
    assert len(receipt.rejected) == sum(len(single.rejected) for single in receipts) > 0
    assert many.state_hash() == one.state_hash()
    assert [online.know([f"g{n}" for n in range(11)]) for online in pair] == [receipt.pending] * 2
    assert many.state_hash() == one.state_hash()


def test_damaged_slots_that_a_batch_needs_are_made_anew(
    pair: tuple[Online, Online], opened: Callable[..., Online], make: Make, tmp_path: Path
) -> None:
    sound, damaged = pair
    events = [make(n, f"u{n % 7}", f"g{n % 5}") for n in range(80)]
    for online in pair:
        online.ingest(events[:60])
    damaged.close()
    db = sqlite3.connect(tmp_path / "many" / "state.db")
    assert db.execute("UPDATE slots SET body = substr(body, 1, 5)").rowcount == 12
    db.commit()
    db.close()
    again = opened("many", damaged.rules)
    for online in (sound, again):
        online.ingest(events[60:])
    assert again.state_hash() == sound.state_hash()
