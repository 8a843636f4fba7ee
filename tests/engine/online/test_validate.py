"""Every bad event, and the code it gets."""

from typing import Any

import pytest

from muslin.engine.online.event import Bad, Fresh
from muslin.engine.online.keys import Keys
from muslin.engine.online.rules import DAY, Rules
from muslin.engine.online.validate import DETAILS, Checker

NOW = 1_700_000_000_000_000
GOOD = {"event_id": "e1", "type": "click", "item_id": "dress1", "user_id": "ann", "timestamp": "2023-11-14T20:00:00Z"}

BAD: list[tuple[str, dict[str, Any], str]] = [
    ("no event_id", {"event_id": None}, "wrong_type"),
    ("empty event_id", {"event_id": ""}, "wrong_length"),
    ("long event_id", {"event_id": "e" * 257}, "wrong_length"),
    ("NUL in event_id", {"event_id": "a\x00"}, "bad_characters"),
    ("newline at the end", {"user_id": "ann\n"}, "bad_characters"),
    ("unknown type", {"type": "stare"}, "unknown_type"),
    ("type number", {"type": 5}, "wrong_type"),
    ("no item", {"item_id": None}, "wrong_type"),
    ("5,000 items", {"item_id": [f"g{n}" for n in range(1500)]}, "wrong_type"),
    ("more than 32 KB", {"item_id": [f"garment {n}" for n in range(5000)]}, "event_too_large"),
    ("no shopper", {"user_id": None}, "no_shopper"),
    ("user and session", {"session_id": "s"}, "exclusive_fields"),
    ("user number", {"user_id": 7}, "wrong_type"),
    ("future", {"timestamp": "2023-11-14T22:20:00Z"}, "future_timestamp"),
    ("1970", {"timestamp": 1000}, "timestamp_1970"),
    ("before 1970", {"timestamp": -5}, "timestamp_1970"),
    ("seconds as milliseconds", {"timestamp": 1_700_000_000}, "timestamp_in_seconds"),
    ("microseconds", {"timestamp": 1_700_000_000_000_000}, "future_timestamp"),
    ("no zone", {"timestamp": "2023-11-14T20:00:00"}, "no_timezone"),
    ("prose", {"timestamp": "yesterday"}, "bad_timestamp"),
    ("13th month", {"timestamp": "2023-13-14T20:00:00Z"}, "bad_timestamp"),
    ("digits as text", {"timestamp": "1700000000000"}, "bad_timestamp"),
    ("fraction of a millisecond", {"timestamp": 1.7e12 + 0.5}, "wrong_type"),
    ("bool", {"timestamp": True}, "wrong_type"),
    ("31 days old", {"timestamp": (NOW - 31 * DAY) // 1000}, "too_old"),
    ("quantity -1", {"quantity": -1}, "out_of_range"),
    ("quantity million", {"quantity": 1_000_000}, "out_of_range"),
    ("quantity text", {"quantity": "1"}, "wrong_type"),
    ("price below zero", {"price": -0.01}, "out_of_range"),
    ("price bool", {"price": True}, "wrong_type"),
    ("currency word", {"currency": "euro"}, "bad_characters"),
    ("other currency", {"currency": "USD"}, "currency_mismatch"),
    ("unknown field", {"colour": "red"}, "unknown_field"),
    ("unknown field below", {"context": {"colour": "red"}}, "unknown_field"),
]


@pytest.fixture
def checker() -> Checker:
    return Checker(Rules(currency="EUR"), Keys(b"k" * 32), NOW)


@pytest.mark.parametrize(("change", "code"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad(checker: Checker, change: dict[str, Any], code: str) -> None:
    found = checker.check(3, GOOD | change)
    assert isinstance(found, Bad)
    assert (found.rejected.index, found.rejected.code, found.rejected.detail) == (3, code, DETAILS[code])
    assert 0 < len(found.raw) <= 32 * 1024


@pytest.mark.parametrize("raw", [None, 5, "text", [], float("nan"), {1: 2}, {"event_id": 10**30}, {"x": object()}])
def test_what_is_no_event(checker: Checker, raw: Any) -> None:
    found = checker.check(0, raw)
    assert isinstance(found, Bad)
    assert found.rejected.code in {"wrong_type", "missing_field", "unknown_field"}


def test_missing_fields(checker: Checker) -> None:
    for name in ("event_id", "type", "item_id", "timestamp"):
        found = checker.check(0, {key: value for key, value in GOOD.items() if key != name})
        assert isinstance(found, Bad)
        assert found.rejected.code == "missing_field"


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2023-11-14T20:00:00Z", 1_699_992_000_000_000),
        ("2023-11-14t20:00:00.25z", 1_699_992_000_250_000),
        ("2023-11-14 22:00:00.1234567+02:00", 1_699_992_000_123_456),
        (1_699_992_000_123, 1_699_992_000_123_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
    ],
)
def test_good_times(moment: str | int, expected: int) -> None:
    now = expected + 60_000_000
    found = Checker(Rules(), Keys(b"k" * 32), now).check(0, GOOD | {"timestamp": moment})
    assert isinstance(found, Fresh)
    assert found.row.time == expected
    assert found.row.day == expected // DAY


def test_twenty_days_late_is_taken(checker: Checker) -> None:
    assert isinstance(checker.check(0, GOOD | {"timestamp": (NOW - 20 * DAY) // 1000}), Fresh)


def test_a_wrong_clock_is_corrected() -> None:
    # The sender's clock is two hours ahead: its event of "one hour from now" is one hour old.
    checker = Checker(Rules(), Keys(b"k" * 32), NOW, skew=-7_200_000_000)
    found = checker.check(0, GOOD | {"timestamp": (NOW + 3_600_000_000) // 1000})
    assert isinstance(found, Fresh)
    assert found.row.time == NOW - 3_600_000_000


def test_bodies_are_equal_whatever_the_order_of_their_fields(checker: Checker) -> None:
    forth, back = checker.check(0, GOOD), checker.check(0, dict(reversed(GOOD.items())))
    assert isinstance(forth, Fresh)
    assert isinstance(back, Fresh)
    assert forth.digest == back.digest


def test_the_shopper_is_not_in_the_row(checker: Checker) -> None:
    found = checker.check(0, GOOD | {"user_id": "somebody-in-particular"})
    assert isinstance(found, Fresh)
    assert b"somebody" not in repr(found.row).encode()
