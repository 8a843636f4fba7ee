"""How many requests may be inside at once: those being worked on, and as many more as will be soon.

A queue bounded by number alone is too long for slow requests and too short for quick ones. This one is bounded by time:
a request that would wait longer than `Limits.wait_seconds`, going by how long the last ones took, is refused at once,
and what is accepted stays quick. A few may always wait: where work is slow, callers expect no wonders.
"""

from muslin.http.body import Limits
from muslin.http.problems import ProblemError

_QUEUE = 4
"""Requests that may wait for each thread, however long the work takes."""
_WEIGHT = 0.1
"""Of the newest duration in the running mean."""


class Pressure:
    """Counts who is inside. Used on the event loop only."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside = 0
        self._seconds = 0.0

    @property
    def room(self) -> int:
        """Requests that may be inside."""
        limits = self._limits
        soon = limits.wait_seconds * limits.threads / self._seconds if self._seconds else limits.waiting
        return limits.threads + min(limits.waiting, max(_QUEUE * limits.threads, int(soon)))

    def enter(self) -> None:
        """Count one more; raises `ProblemError` (`overloaded`) where there is no room."""
        if self._inside >= self.room:
            raise ProblemError("overloaded", headers={"Retry-After": "1"})
        self._inside += 1

    def leave(self, seconds: float) -> None:
        """One less, whose work took `seconds`, waiting not counted."""
        self._inside -= 1
        self._seconds += _WEIGHT * (seconds - self._seconds) if self._seconds else seconds
