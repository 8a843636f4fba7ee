"""A shop's events, made by hand at a fixed time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from muslin.engine.online.online import Online
from muslin.engine.online.rules import Rules

NOW = 1_700_000_000_000_000
"""µs UTC: 2023-11-14."""


def event(number: int, user: str = "ann", item: str = "dress1", **more: Any) -> dict[str, Any]:
    """A click an hour ago, unless told otherwise; `ago` in hours."""
    ago = more.pop("ago", 1)
    moment = NOW // 1000 - int(ago * 3_600_000)
    return {"event_id": f"e{number}", "type": "click", "item_id": item, "user_id": user, "timestamp": moment} | more


@pytest.fixture
def make() -> Callable[..., dict[str, Any]]:
    return event


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Online]]:
    """Opens the state in the test's directory, with the clock at NOW."""
    states: list[Online] = []

    def open_(directory: str = "state", rules: Rules | None = None, now: Callable[[], int] = lambda: NOW) -> Online:
        states.append(Online.open(tmp_path / directory, rules or Rules(), now=now))
        return states[-1]

    yield open_
    for state in states:
        state.close()
