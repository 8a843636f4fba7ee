"""The service's log: one JSON object per line on standard error."""

import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec


def emit(event: str, fields: Mapping[str, Any]) -> None:
    """Write one line: when, what, and `fields`."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
    sys.stderr.write(msgspec.json.encode(line).decode() + "\n")
    sys.stderr.flush()


def report(event: str, error: BaseException, fields: Mapping[str, Any]) -> None:
    """Write one line about a fault of ours, with its type and the lines of code it came through.

    Not its message: that may hold what a shopper sent.
    """
    frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    emit(event, {**fields, "error": type(error).__name__, "through": frames})
