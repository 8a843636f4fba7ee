"""Anything that may happen to a state, in any order, beside a shop kept in plain dictionaries."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from muslin.data.schema import DEFAULT_WEIGHTS
from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online
from muslin.engine.online.rules import DAY, Rules

NOW = 1_700_000_000_000_000
PEOPLE, GARMENTS, KINDS = ("ann", "bob", "cat", "dan"), ("g1", "g2", "g3"), tuple(DEFAULT_WEIGHTS)
SUPPORT, HISTORY, CAP = 3, 4, 2
RULES = Rules(support=SUPPORT, history=HISTORY, daily_cap=CAP, slots=2, snapshot_events=5)

happenings = st.tuples(
    st.integers(0, 30), st.sampled_from(KINDS), st.sampled_from(PEOPLE), st.sampled_from(GARMENTS), st.integers(0, 3)
)


class Shop(RuleBasedStateMachine):
    """`log`: the events that count, by id."""

    @initialize()
    def open(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="muslin-machine-"))
        self.log: dict[str, dict[str, Any]] = {}
        self.erased: set[str] = set()
        self.online = self._opened()

    def _opened(self) -> Online:
        return Online.open(self.place, RULES, now=lambda: NOW)

    @rule(batch=st.lists(happenings, min_size=1, max_size=8))
    def ingest(self, batch: list[tuple[int, str, str, str, int]]) -> None:
        events = [
            {"event_id": f"e{n}", "type": kind, "user_id": who, "item_id": what, "timestamp": (NOW - ago * DAY) // 1000}
            for n, kind, who, what, ago in batch
        ]
        receipt = self.online.ingest(events)
        accepted = duplicates = dropped = 0
        conflicts = []
        for index, event in enumerate(events):
            if event["user_id"] in self.erased:
                dropped += 1
            elif event["event_id"] not in self.log:
                self.log[event["event_id"]] = event
                accepted += 1
            elif self.log[event["event_id"]] == event:
                duplicates += 1
            else:
                conflicts.append(index)
        assert (receipt.accepted, receipt.duplicates, receipt.dropped) == (accepted, duplicates, dropped)
        assert [bad.index for bad in receipt.rejected] == conflicts

    @rule()
    def restart(self) -> None:
        before = self.online.state_hash()
        self.online.close()
        self.online = self._opened()
        assert self.online.state_hash() == before

    @rule()
    def crash(self) -> None:
        """The files as they are now, without a word of goodbye."""
        before = self.online.state_hash()
        copy = self.place.with_name(self.place.name + "-copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.place, copy)
        with Online.open(copy, RULES, now=lambda: NOW) as again:
            assert again.state_hash() == before
        shutil.rmtree(copy)

    @rule(who=st.sampled_from(PEOPLE[:2]))
    def erase(self, who: str) -> None:
        self.online.erase(who)
        self.erased.add(who)
        self.log = {name: event for name, event in self.log.items() if event["user_id"] != who}

    @rule()
    def snapshot(self) -> None:
        self.online.snapshot()

    @invariant()
    def says_what_happened(self) -> None:
        if not hasattr(self, "online"):
            return
        for who in PEOPLE:
            said = {taken.item: taken.weight for taken in self.online.history(Shopper("user", who))}
            assert said == self._history(who)
        for what in GARMENTS:
            said_first = {told.shopper: told.weight for told in self.online.revealed(what)}
            assert said_first == self._firsts(what)
            assert self.online.trend(what) == pytest.approx(self._trend(what), rel=1e-12)  # summed in another order

    def _liked(self, name: str, value: str) -> dict[tuple[int, Any], float]:
        other = "item_id" if name == "user_id" else "user_id"
        found: dict[tuple[int, Any], float] = {}
        for event in self.log.values():
            weight = DEFAULT_WEIGHTS[event["type"]]
            if event[name] == value and weight:
                key = event[other] if other == "item_id" else self.online.key(Shopper("user", event[other]))
                pair = (event["timestamp"] * 1000 // DAY, key)
                found[pair] = max(found.get(pair, 0.0), weight)
        return found

    def _history(self, who: str) -> dict[str, float]:
        newest = sorted(self._liked("user_id", who).items(), reverse=True)[:HISTORY]
        return _largest(newest)

    def _firsts(self, what: str) -> dict[bytes, float]:
        first = sorted(self._liked("item_id", what).items())[:SUPPORT]
        return _largest(first)

    def _trend(self, what: str) -> float:
        counts: dict[tuple[int, str, str], int] = {}
        for event in self.log.values():
            if event["item_id"] == what:
                place = (event["timestamp"] * 1000 // DAY, event["user_id"], event["type"])
                counts[place] = counts.get(place, 0) + 1
        days: dict[int, float] = {}
        for (day, _, kind), count in counts.items():
            days[day] = days.get(day, 0.0) + min(count, CAP) * DEFAULT_WEIGHTS[kind]
        return sum(days[day] * 2.0 ** (-(NOW // DAY - day) / RULES.trend_days) for day in sorted(days))

    def teardown(self) -> None:
        if hasattr(self, "online"):
            self.online.close()
            shutil.rmtree(self.place)


def _largest(pairs: list[tuple[tuple[int, Any], float]]) -> dict[Any, float]:
    found: dict[Any, float] = {}
    for (_, other), weight in pairs:
        found[other] = max(found.get(other, 0.0), weight)
    return found


TestShop = Shop.TestCase
TestShop.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
