"""How many events a minute one shopper may send: more than a person can make is a program's doing."""

import threading

MINUTE = 60_000_000


class Pace:
    """Counts of the running minute. `most`: events a minute, 0: any number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._minute = -1
        self._counts: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def allows(self, shopper: bytes, now: int) -> bool:
        """Whether one more event of `shopper` at `now` (µs UTC) is still human."""
        if not self._most:
            return True
        with self._lock:
            if now // MINUTE != self._minute:
                self._minute, self._counts = now // MINUTE, {}
            count = self._counts.get(shopper, 0) + 1
            self._counts[shopper] = count
            return count <= self._most
