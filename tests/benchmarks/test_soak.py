"""Campaign 11 in small: twenty minutes of events, and controls that must be caught."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from benchmarks.reliability import soak

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_flat_and_the_same_as_a_replay(tmp_path: Path) -> None:
    found = soak.run(tmp_path, 1 / 3, 1)
    assert (found.events, found.files_grown, found.same_as_replay) == (1200, 0, True)


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


def test_a_lost_event_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lossy(*arguments: Any, **more: Any) -> Any:
        for number, (moment, events) in enumerate(traffic(*arguments, **more)):
            yield moment, events[1:] if "batch" in more and number == 0 else events

    traffic = soak.traffic
    monkeypatch.setattr(soak, "traffic", lossy)
    assert not soak.run(tmp_path, 0.1, 1).same_as_replay


def test_shoppers_come_and_go() -> None:
    hours = {}
    for moment, events in soak.traffic(3, 0.5):
        hours.setdefault((moment - soak.START) // 3_600_000_000, set()).update(e["user_id"] for e in events)
    assert hours[0] != hours[2]
    assert len(set.union(*hours.values())) > 1.3 * len(hours[0])
