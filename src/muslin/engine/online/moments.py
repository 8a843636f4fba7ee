"""The time of an event: RFC 3339 with a zone, or whole milliseconds."""

import re
from datetime import UTC, datetime, timedelta

from muslin.engine.online.rules import DAY

_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = range(1_000_000_000, 10_000_000_000)
"""Numbers that are a time of this century in seconds, and one of January to April 1970 in milliseconds."""


class BadTimeError(ValueError):
    """Not a usable time; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def micros(moment: str | int) -> int:
    """µs UTC; raises `BadTimeError`: `bad_timestamp`, `no_timezone`, `timestamp_in_seconds`, `timestamp_1970`."""
    found = _parsed(moment) if isinstance(moment, str) else moment * 1000
    if isinstance(moment, int) and moment in _SECONDS:
        raise BadTimeError("timestamp_in_seconds")
    if found < 3650 * DAY:
        raise BadTimeError("timestamp_1970")
    return found


def _parsed(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise BadTimeError("bad_timestamp")
    day, clock, fraction, zone = match.groups()
    if zone is None:
        raise BadTimeError("no_timezone")
    leap = clock.endswith(":60")
    try:
        when = datetime.fromisoformat(
            f"{day}T{clock[:-2] + '59' if leap else clock}{zone.upper().replace('Z', '+00:00')}"
        )
        whole = (when - _EPOCH) // timedelta(seconds=1) + leap
    except (ValueError, OverflowError):
        raise BadTimeError("bad_timestamp") from None
    return whole * 1_000_000 + int((fraction or ".0")[1:7].ljust(6, "0"))
