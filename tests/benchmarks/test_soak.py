"""Campaign 11 in small: twenty minutes of events, and controls that must be caught."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from benchmarks.reliability import campaign, mutants, soak

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


def test_controls_take_their_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign that is told to stop at once still has controls that show something."""
    monkeypatch.setenv(campaign.UNTIL, "0")
    seen: dict[str, bool] = {}

    def apart(hours: float, per_second: float, fault: str) -> soak.Findings:
        seen[fault] = campaign.UNTIL in os.environ
        return soak.run(tmp_path / fault.replace(" ", "-"), 0.1, 1)

    monkeypatch.setattr(soak, "_apart", apart)
    found = soak.promised(0.01)
    assert found.share < 1
    assert seen.pop("nothing")
    assert len(seen) == 3
    assert not any(seen.values())


def test_shoppers_come_and_go() -> None:
    hours = {}
    for moment, events in soak.traffic(3, 0.5):
        hours.setdefault((moment - soak.START) // 3_600_000_000, set()).update(e["user_id"] for e in events)
    assert hours[0] != hours[2]
    assert len(set.union(*hours.values())) > 1.3 * len(hours[0])
