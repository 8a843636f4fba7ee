"""The one reference through which every answer reaches its model, and the threads that answer.

A request takes the reference once and uses what it got to the end, so an answer never mixes two models even if another
one is opened meanwhile.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from muslin.engine.metrics import Metrics
from muslin.engine.model import Model
from muslin.engine.online.online import Online
from muslin.errors import ModelError
from muslin.http.body import Limits
from muslin.http.erasures import Erasures
from muslin.http.following import following
from muslin.http.pressure import Pressure
from muslin.http.problems import ProblemError
from muslin.http.vocabulary import Vocabulary, vocabulary
from muslin.types import Csr

T = TypeVar("T")

NOBODY = "\x00"
"""Stands for a shopper without an id: data checks let no id with a control character in, so it is nobody's."""


@dataclass(frozen=True)
class Served:
    """A model that has proved it answers."""

    model: Model
    version: str
    vocabulary: Vocabulary


class Service:
    """Holds the served model, if any, and runs engine work on a bounded number of threads."""

    def __init__(self, limits: Limits, state: Path | None = None) -> None:
        self.metrics = Metrics()
        self._state = state
        self._online: Online | None = None
        self.erasures = Erasures()
        self._served: Served | None = None
        self._pressure = Pressure(limits)
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="muslin-engine")

    @property
    def ready(self) -> bool:
        """Whether a model is being served."""
        return self._served is not None

    @property
    def served(self) -> Served | None:
        """The model being served. Take it once and use what you got: the next time it may be another."""
        return self._served

    def open(self, served: Served) -> None:
        """Serve this model from the next request on. May be called from any thread."""
        if self._state is not None:
            self._online = following(self._online, self._state, served.model, self.metrics)
        self._served = served
        self.metrics.forget("model_info")
        self.metrics.gauge("model_info", 1, served.version)

    @property
    def online(self) -> Online:
        """What shoppers do; raises `ProblemError`: `no_state` without a state directory, `not_ready` before a model."""
        if self._online is None:
            raise ProblemError("no_state" if self._state is None else "not_ready", headers={"Retry-After": "1"})
        return self._online

    async def run(self, work: Callable[[Served], T]) -> T:
        """Result of `work` on the served model, off the event loop; raises `ProblemError` (503) when it cannot be."""
        served = self._served
        if served is None:
            raise ProblemError("not_ready", headers={"Retry-After": "1"})
        self._admit()
        took = 0.0

        def timed() -> T:
            nonlocal took
            started = time.perf_counter()
            try:
                return work(served)
            finally:
                took = time.perf_counter() - started

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, timed)
        finally:
            self._pressure.leave(took)

    def _admit(self) -> None:
        try:
            self._pressure.enter()
        except ProblemError:
            self.metrics.count("requests_shed_total", "overloaded")
            raise

    async def close(self) -> None:
        """Let the work in hand end, stop the threads and write the state down."""
        await asyncio.to_thread(self._threads.shutdown)
        if self._online is not None:
            await asyncio.to_thread(self._online.close)


def proved(model: Model) -> Served:
    """`model`, once a stranger and a known shopper have been answered, twice and the same.

    Raises `ModelError` (`golden_failed`) otherwise. This also builds what the engine builds on first use.
    """
    known = model.world.shoppers.ids[:1].tolist()
    first, second = (model.recommend([NOBODY, *known], 5) for _ in range(2))
    empty = first.is_empty() and len(model.world.catalogue) > 0
    if empty or not first.equals(second) or not first["score"].is_finite().all():
        fix = "fit it again; do not serve it"
        raise ModelError("it does not answer its golden requests", code="golden_failed", fix=fix)
    return Served(model, version(model), vocabulary(model.world.dataset))


def version(model: Model) -> str:
    """Name of a model's content: equal for equal content, wherever it was fitted or loaded from."""
    digest = hashlib.sha256()
    for part in _content(model):
        digest.update(len(part).to_bytes(8, "little") + part)
    return f"{model.method}-{digest.hexdigest()[:16]}"


def _content(model: Model) -> Iterator[bytes]:
    world = model.world
    yield repr((model.method, sorted(model.options.items()), model.seed)).encode()
    for name, value in sorted(model.fitted.params.items()):
        yield f"{name} {value.dtype} {tuple(value.shape)}".encode()
        yield value.contiguous().numpy().tobytes()
    yield world.dataset.items.hash_rows(seed=0).to_numpy().tobytes()
    yield from _arrays(world.catalogue.features.matrix)
    yield world.dataset.users.hash_rows(seed=0).to_numpy().tobytes()
    yield from _arrays(world.shoppers.features.matrix)
    for column in (world.data.events.user, world.data.events.item, world.data.events.weight):
        yield np.ascontiguousarray(column).tobytes()


def _arrays(matrix: Csr) -> Iterator[bytes]:
    for part, kind in ((matrix.data, np.float32), (matrix.indices, np.int64), (matrix.indptr, np.int64)):
        yield np.ascontiguousarray(part, dtype=kind).tobytes()
