"""Token buckets: how many requests a key may make, in a burst and over time."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from muslin.engine.metrics import Metrics
from muslin.http.problems import ProblemError

MOST_BUCKETS = 10_000
"""Buckets kept; beyond, the one used longest ago starts again full."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A bucket holds up to `burst` requests and refills by `per_second`."""

    per_second: float
    burst: float


SERVER = Rate(per_second=500, burst=1000)
"""Of one key that stays on servers."""
BROWSER = Rate(per_second=20, burst=100)
"""Of one address behind a browser key: all visitors share the key, and one must not use up what is everyone's."""


class Rates:
    """The buckets. May be used from any thread."""

    def __init__(self, metrics: Metrics, *, server: Rate = SERVER, browser: Rate = BROWSER) -> None:
        self._metrics, self._server, self._browser = metrics, server, browser
        self._clock: Callable[[], float] = time.monotonic
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, kid: str, client: str) -> None:
        """Take one request out of a key's bucket, of a client's where the key is for browsers.

        Raises `ProblemError` (`rate_limited`) with the seconds until there is one again.
        """
        rate = self._browser if client else self._server
        with self._lock:
            now = self._clock()
            left, since = self._held.pop((kid, client), (rate.burst, now))
            left = min(rate.burst, left + (now - since) * rate.per_second)
            enough = left >= 1
            self._held[(kid, client)] = (left - enough, now)
            if len(self._held) > MOST_BUCKETS:
                self._held.popitem(last=False)
        if not enough:
            self._metrics.count("requests_shed_total", "rate_limited")
            wait = max(1, math.ceil((1 - left) / rate.per_second))
            raise ProblemError("rate_limited", headers={"Retry-After": str(wait)})
