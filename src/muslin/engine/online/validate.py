"""From what a shop sent to a row of the log, or to the reason why not."""

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from muslin.engine.online.event import MAX_BYTES, Bad, Event, Fresh, Rejected, Row, Shopper, encoded
from muslin.engine.online.keys import Keys
from muslin.engine.online.moments import BadTimeError, micros
from muslin.engine.online.rules import DAY, Rules
from muslin.engine.online.unnamed import unnamed

DETAILS = {
    "bad_characters": "A text holds characters that it cannot have.",
    "bad_timestamp": "The timestamp is neither RFC 3339 nor whole milliseconds.",
    "currency_mismatch": "The currency is not the shop's.",
    "event_too_large": "The event is larger than 32 KB.",
    "exclusive_fields": "Only one of user_id and session_id can be given.",
    "future_timestamp": "The timestamp lies in the future.",
    "id_conflict": "Another event has this event_id.",
    "missing_field": "A required field is missing.",
    "no_shopper": "One of user_id and session_id is needed.",
    "no_timezone": "The timestamp has no time zone.",
    "out_of_range": "A number is out of range.",
    "rate_limited": "This shopper sends more events than a person can make.",
    "timestamp_1970": "The timestamp lies before 1980.",
    "timestamp_in_seconds": "The timestamp is in seconds; send milliseconds.",
    "too_old": "The event is older than what is still taken in.",
    "unknown_field": "An event has no such field.",
    "unknown_item": "The catalogue never got this garment.",
    "unknown_type": "The shop has no such event type.",
    "wrong_length": "A text is too short or too long.",
    "wrong_type": "A value has the wrong type.",
}
"""Every code of a rejected event, in words."""

_REASONS = (
    (re.compile(r"unknown field"), "unknown_field"),
    (re.compile(r"missing required field"), "missing_field"),
    (re.compile(r"matching regex"), "bad_characters"),
    (re.compile(r"of length"), "wrong_length"),
    (re.compile(r"`(int|float)` [<>]"), "out_of_range"),
)
_KEPT = ("value", "price", "currency", "quantity", "position", "recommendation_id", "context")


class _Reject(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Checker:
    """Checks against one shop's rules, at one moment."""

    rules: Rules
    keys: Keys
    now: int
    """µs UTC."""
    skew: int = 0
    """µs to add to the times of a sender whose clock is that much behind."""

    def check(self, index: int, raw: Any) -> Fresh | Bad:
        """The event at place `index` of its batch."""
        body = _body(raw)
        try:
            return self._fresh(index, raw, body)
        except _Reject as reason:
            return self.bad(index, raw, reason.code)

    def bad(self, index: int, raw: Any, code: str) -> Bad:
        """`raw` rejected for `code`."""
        kept = _body(unnamed(raw, self.keys))[:MAX_BYTES]
        return Bad(Rejected(index, code, DETAILS[code], _id(raw)), kept, self._whose(raw))

    def _fresh(self, index: int, raw: Any, body: bytes) -> Fresh:
        if len(body) > MAX_BYTES:
            raise _Reject("event_too_large")
        event = _converted(raw)
        if event.type not in self.rules.weights:
            raise _Reject("unknown_type")
        if event.currency and self.rules.currency and event.currency != self.rules.currency:
            raise _Reject("currency_mismatch")
        time = self._time(event.timestamp)
        more = encoded({name: v for name in _KEPT if (v := getattr(event, name)) is not None})
        row = Row(
            seq=0,
            event_id=event.event_id,
            received=self.now,
            time=time,
            day=time // DAY,
            kind=event.type,
            shopper=self.keys.shopper(_shopper(event)),
            item=event.item_id,
            counted=True,
            more=more,
        )
        return Fresh(index, row, body, blake2b(body, digest_size=16).digest(), self.keys.event(event.event_id))

    def _time(self, moment: str | int) -> int:
        try:
            time = micros(moment) + self.skew
        except BadTimeError as error:
            raise _Reject(error.code) from None
        if time > self.now + self.rules.ahead_seconds * 1e6:
            raise _Reject("future_timestamp")
        if time < self.now - self.rules.window_days * DAY:
            raise _Reject("too_old")
        return time

    def _whose(self, raw: Any) -> bytes | None:
        for kind in ("user", "session"):
            name = raw.get(f"{kind}_id") if isinstance(raw, dict) else None
            if isinstance(name, str):
                return self.keys.shopper(Shopper(kind, name))
        return None


def _body(raw: Any) -> bytes:
    """`raw` as JSON; nothing where it is no JSON value, which no field would take either."""
    try:
        return encoded(raw)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return b""


def _converted(raw: Any) -> Event:
    try:
        return msgspec.convert(raw, Event, strict=True)
    except msgspec.ValidationError as error:
        code = next((code for pattern, code in _REASONS if pattern.search(str(error))), "wrong_type")
        raise _Reject(code) from None


def _shopper(event: Event) -> Shopper:
    if event.user_id is not None and event.session_id is not None:
        raise _Reject("exclusive_fields")
    if event.user_id is not None:
        return Shopper("user", event.user_id)
    if event.session_id is None:
        raise _Reject("no_shopper")
    return Shopper("session", event.session_id)


def _id(raw: Any) -> str | None:
    """The event's id where it is one that can be repeated."""
    found = raw.get("event_id") if isinstance(raw, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= 256 and found.isprintable() else None
