"""Campaign 11 in small: twenty minutes of events, and controls that must be caught."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from benchmarks.reliability import mutants, soak

from muslin.engine.online.rules import Rules

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_flat_and_the_same_as_a_replay(tmp_path: Path) -> None:
    found = soak.run(tmp_path, 1 / 3, 1)
    assert (found.events, found.logged, found.files_grown, found.same_as_replay) == (1200, 1200, 0, True)


def test_open_files_are_seen(tmp_path: Path) -> None:
    with ExitStack() as stack:
        found = soak.run(tmp_path, 0.25, 1, lambda _: stack.enter_context((tmp_path / "leak").open("w")) and None)
    assert found.files_grown > 1
    assert not found.flat


def test_memory_is_seen(tmp_path: Path) -> None:
    kept: list[Any] = []
    found = soak.run(tmp_path, 0.25, 1, lambda _: kept.append(b"x" * 4_000_000))
    assert found.megabytes_per_million_events > 500
    assert not found.flat


def test_an_event_that_a_replay_loses_is_seen(tmp_path: Path) -> None:
    assert not soak.run(tmp_path, 0.1, 1, replaying=mutants.replay_skips()).same_as_replay


def test_an_event_that_never_came_to_the_log_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "RULES", Rules(shopper_rate=1))
    found = soak.run(tmp_path, 0.1, 1)
    assert 0 < found.logged < found.events
    assert found.same_as_replay
    assert not found.flat


def test_shoppers_come_and_go() -> None:
    hours = {}
    for moment, events in soak.traffic(3, 0.5):
        hours.setdefault((moment - soak.START) // 3_600_000_000, set()).update(e["user_id"] for e in events)
    assert hours[0] != hours[2]
    assert len(set.union(*hours.values())) > 1.3 * len(hours[0])
