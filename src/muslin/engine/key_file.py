"""Where keys are kept: one JSON file beside the state, readable by its owner only.

Writers take a lock and replace the file whole; a running service looks at it again each second, so that a revoked key
stops working without a restart.
"""

import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from muslin.engine.keys import MOST_LIVE, Key, Made, live, make
from muslin.errors import DataError, UsageError

FILE = "keys.json"
LARGEST = 1_000_000
"""Bytes of the file that are read."""

Stamp = tuple[int, int, int]


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    keys: tuple[Key, ...]


def read(state: Path) -> tuple[Key, ...]:
    """All keys of a state directory, none where it has no file; raises `DataError` (`bad_keys`)."""
    file = state / FILE
    try:
        with file.open("rb") as opened:
            content = msgspec.json.decode(opened.read(LARGEST), type=_Content)
    except FileNotFoundError:
        return ()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise DataError("the keys are damaged", code="bad_keys", where=str(file), fix="restore the file") from None
    if content.format != 1:
        why = "the keys were written by a newer version"
        raise DataError(why, code="bad_keys", where=str(file), fix="upgrade muslin")
    return content.keys


def create(state: Path, name: str, scopes: list[str], origins: list[str]) -> Made:
    """Make a key and keep it; raises `UsageError` as `make` does, and `too_many_keys`."""
    made = make(name, scopes, origins, _now())
    with _locked(state):
        keys = read(state)
        same = [key.kid for key in live(keys) if key.name == name]
        if len(same) >= MOST_LIVE:
            fix = f"revoke one first: muslin keys revoke {same[0]}"
            why = f"{name!r} has {MOST_LIVE} live keys already"
            raise UsageError(why, code="too_many_keys", where=str(state / FILE), fix=fix)
        _write(state, (*keys, made.key))
    return made


def revoke(state: Path, kid: str) -> Key:
    """Take a key out of use; raises `UsageError` (`unknown_key`) for an id that is of no live key."""
    with _locked(state):
        keys = read(state)
        key = next((key for key in live(keys) if key.kid == kid), None)
        if key is None:
            fix = "list them with: muslin keys list"
            raise UsageError(f"no live key has the id {kid!r}", code="unknown_key", where=str(state / FILE), fix=fix)
        ended = msgspec.structs.replace(key, revoked=_now())
        _write(state, tuple(ended if one.kid == kid else one for one in keys))
    return ended


class Watched:
    """The keys of a directory as they are now, at most a second old.

    Once there was a key, the service stays locked: a file that vanishes or is damaged opens nothing.
    """

    def __init__(self, state: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the keys; raises `DataError` (`bad_keys`). Without a directory there are none."""
        self._state, self._clock, self._lock = state, clock, threading.Lock()
        self._keys = () if state is None else live(read(state))
        self._stamp, self._looked = self._stamped(), clock()
        self.locked = bool(self._keys)
        """Whether a key is needed."""

    def current(self) -> tuple[Key, ...]:
        """Live keys."""
        with self._lock:
            if self._state is not None and self._clock() - self._looked >= 1:
                self._looked, stamp = self._clock(), self._stamped()
                if stamp != self._stamp:
                    self._stamp = stamp
                    self._keys = self._again()
                    self.locked = self.locked or bool(self._keys)
        return self._keys

    def _again(self) -> tuple[Key, ...]:
        try:
            return () if self._state is None else live(read(self._state))
        except (DataError, OSError):
            return ()

    def _stamped(self) -> Stamp | None:
        try:
            status = (self._state / FILE).stat() if self._state is not None else None
        except OSError:
            return None
        return None if status is None else (status.st_mtime_ns, status.st_size, status.st_ino)


def _write(state: Path, keys: tuple[Key, ...]) -> None:
    handle, draft = tempfile.mkstemp(prefix=f".{FILE}.", dir=state)  # 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_Content(1, keys)), indent=1))
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(state / FILE)
    finally:
        Path(draft).unlink(missing_ok=True)


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / f".{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
