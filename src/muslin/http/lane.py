"""Threads that work off the event loop: how many, and how much may wait for them before requests are refused."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from muslin.engine.metrics import Metrics
from muslin.http.body import Limits
from muslin.http.pressure import Pressure
from muslin.http.problems import ProblemError

T = TypeVar("T")


class Lane:
    """One kind of work. Answers and changes have a lane each, so that neither keeps the other waiting."""

    def __init__(self, limits: Limits, metrics: Metrics, name: str) -> None:
        self._pressure, self._metrics = Pressure(limits), metrics
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        """Result of `work`; raises `ProblemError` (`overloaded`) where it would have to wait too long."""
        try:
            self._pressure.enter()
        except ProblemError:
            self._metrics.count("requests_shed_total", "overloaded")
            raise
        took = 0.0

        def timed() -> T:
            nonlocal took
            started = time.perf_counter()
            try:
                return work()
            finally:
                took = time.perf_counter() - started

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, timed)
        finally:
            self._pressure.leave(took)

    async def close(self) -> None:
        """Let the work in hand end."""
        await asyncio.to_thread(self._threads.shutdown)
