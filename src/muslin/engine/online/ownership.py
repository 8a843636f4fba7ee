"""One process a state directory: a second writer would number events twice."""

import fcntl
from pathlib import Path
from typing import IO

from muslin.errors import DataError

LOCK = "lock"
"""File that the owner holds; the system lets go of it however the process ends."""


def owned(directory: Path) -> IO[bytes]:
    """The open lock of `directory`; raises `DataError` (`state_in_use`) where another process has it."""
    file = (directory / LOCK).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        fix = "stop the other service, or choose another --state"
        raise DataError("another process uses this state", code="state_in_use", where=str(directory), fix=fix) from None
    return file
