"""How much room there is for events, asked now and then, and what a failed write means."""

import os
import sqlite3
import time
from pathlib import Path

from muslin.engine.online.refused import storage_full

_EVERY = 0.5
"""Seconds for which an answer counts."""


class Disk:
    """The disk of a directory, with a bound below which nothing more is taken in."""

    def __init__(self, directory: Path, low: int) -> None:
        self._directory = directory
        self._low = low
        self._asked = float("-inf")
        self._free = 0

    def check(self) -> None:
        """Raise `RefusedError` (`storage_full`) where too little is free."""
        if time.monotonic() - self._asked > _EVERY:
            found = os.statvfs(self._directory)
            self._free, self._asked = found.f_bavail * found.f_frsize, time.monotonic()
        if self._free < self._low:
            raise storage_full()


def refusal(error: Exception) -> Exception:
    """What to tell a sender whose write failed with `error`: SQLite and the system say "full" in several ways."""
    if isinstance(error, sqlite3.OperationalError | OSError):
        text = str(error).lower()
        if any(word in text for word in ("full", "disk i/o", "no space", "quota", "readonly")):
            return storage_full()
    return error
