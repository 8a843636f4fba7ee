"""How unevenly garments are shown: the Gini coefficient of what stood in the newest answers."""

import threading

import numpy as np

from muslin.evaluate.metrics import gini
from muslin.types import Bools, Ints

KEPT = 100_000
"""Garments shown that count; older ones are forgotten."""


class Exposure:
    """Of one catalogue, whose rows never move. May be used from any thread."""

    def __init__(self) -> None:
        self._shown = np.full(KEPT, -1, dtype=np.int64)
        self._count = 0
        self._lock = threading.Lock()

    def note(self, rows: Ints) -> None:
        """These were shown."""
        with self._lock:
            self._shown[(self._count + np.arange(len(rows))) % KEPT] = rows
            self._count += len(rows)

    def gini(self, hidden: Bools) -> float:
        """Over the garments that are there: 0 where all are shown alike, near 1 where a few take all; 0 of nothing."""
        there = np.flatnonzero(~hidden)
        with self._lock:
            shown = self._shown[: self._count].copy()
        return gini(shown, there) if len(shown) and len(there) else 0.0
