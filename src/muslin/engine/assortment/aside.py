"""Rows that were refused, set aside as they were sent: one JSON line each, in a file that never grows without end."""

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from muslin.engine.assortment.outcome import Refusal

FILE = "rejected_items.jsonl"
LARGEST = 64_000_000
"""Bytes of the file; beyond them it becomes `FILE.1`, in place of the one before."""


class Aside:
    """Rejected rows in `directory`. May be used from any thread."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / FILE
        self._lock = threading.Lock()

    def put(self, refused: Sequence[Refusal], now: int) -> None:
        """Keep rows that were refused at `now` (µs)."""
        if not refused:
            return
        lines = [msgspec.json.encode({"at": now, **msgspec.to_builtins(refusal)}) + b"\n" for refusal in refused]
        with self._lock:
            if self._file.exists() and self._file.stat().st_size > LARGEST:
                self._file.replace(self._file.with_name(f"{FILE}.1"))
            with self._file.open("ab") as file:
                file.write(b"".join(lines))
