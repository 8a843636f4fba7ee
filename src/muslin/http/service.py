"""The one reference through which every answer reaches its model, and the threads that answer.

A request takes the reference once and uses what it got to the end, so an answer never mixes two models even if another
one is opened meanwhile.
"""

import asyncio
import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from muslin.engine.answer.ask import NOBODY
from muslin.engine.answer.choice import Choice, fit_choice
from muslin.engine.assortment.aside import Aside
from muslin.engine.assortment.outcome import Refusal
from muslin.engine.explore.explorer import Explorer
from muslin.engine.explore.ledger import Ledger
from muslin.engine.explore.plan import Plan
from muslin.engine.exposure import Exposure
from muslin.engine.metrics import Metrics
from muslin.engine.model import Model
from muslin.engine.online.online import Online, clock
from muslin.engine.online.refused import RefusedError
from muslin.engine.shop import Shop
from muslin.errors import ModelError
from muslin.features.append import keeping
from muslin.http.body import Limits
from muslin.http.erasures import Erasures
from muslin.http.following import following
from muslin.http.lane import Lane
from muslin.http.log import emit, report
from muslin.http.pages import Pages
from muslin.http.problems import ProblemError
from muslin.http.refusals import refused
from muslin.http.vocabulary import Words
from muslin.types import Csr

T = TypeVar("T")


@dataclass(frozen=True)
class Served:
    """A model that has proved it answers."""

    model: Model
    version: str
    choice: Choice
    shop: Shop
    """The model at work, with the catalogue as it is now."""
    words: Words
    """What the catalogue can be filtered on now."""
    exposure: Exposure = field(default_factory=Exposure)
    """What was shown since it was opened."""
    opened: str = ""
    """Names this opening of the model: rows of the shop mean the same garments only as long as it lasts."""


class Service:
    """Holds the served model, if any, and runs engine work beside the event loop."""

    def __init__(self, limits: Limits, state: Path | None = None) -> None:
        self.metrics = Metrics()
        self._state = state
        self._aside = None if state is None else Aside(state)
        self._online: Online | None = None
        self.erasures = Erasures()
        self._served: Served | None = None
        self._answers = Lane(limits, self.metrics, "muslin-engine")
        self._surveys = Lane(limits, self.metrics, "muslin-survey")
        alone = replace(limits, threads=1, wait_seconds=limits.change_seconds)  # changes come one after the other
        self._changes = Lane(alone, self.metrics, "muslin-catalogue")
        self._catalogue = threading.Lock()
        self._waiting: list[Callable[[], None]] = []
        self.metrics.before_reading(self._measure)
        self.pages = Pages()
        self.ledger: Ledger | None = None
        self.plan = Plan()

    @property
    def directory(self) -> Path | None:
        """Where what must survive a restart is kept."""
        return self._state

    def when_open(self, work: Callable[[], None]) -> None:
        """Do `work` once there is a model, now if there is."""
        if self._served is not None:
            work()
        else:
            self._waiting.append(work)

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
        with self._catalogue:
            if self._state is not None:
                self._online = following(self._online, self._state, served.model, self.metrics)
                self.ledger = self.ledger or Ledger(self._state)
            before = None if self._served is None else self._served.shop
            shop = Shop(
                served.model,
                self._online,
                self._explorer(before),
                choice=served.choice,
                before=before,
                failed=lambda error: report("warming_failed", error, {"model_version": served.version}),
            )
            fresh = replace(served, shop=shop, words=Words(), exposure=Exposure(), opened=secrets.token_hex(8))
            self._served = fresh
            if shop.lost:
                emit("garments_lost", {"count": len(shop.lost), "model_version": served.version})
        self.metrics.forget("model_info")
        self.metrics.gauge("model_info", 1, served.version)
        while self._waiting:
            self._waiting.pop()()

    @property
    def online(self) -> Online:
        """What shoppers do; raises `ProblemError`: `no_state` without a state directory, `not_ready` before a model."""
        if self._online is None:
            raise ProblemError("no_state" if self._state is None else "not_ready", headers={"Retry-After": "1"})
        return self._online

    def _measure(self) -> None:
        served = self._served
        if served is not None:
            self.metrics.gauge("exposure_gini", served.exposure.gini(served.shop.state.hidden))

    def set_aside(self, refused: Sequence[Refusal]) -> None:
        """Count garments that were refused, and keep them as they were sent where there is a place for it."""
        for refusal in refused:
            self.metrics.count("quarantine_total", refusal.code)
        if self._aside is not None:
            self._aside.put(refused, clock())

    def remembered(self) -> Online | None:
        """What shoppers did, None without a state directory."""
        return self._online

    async def change(self, work: Callable[[Shop], T]) -> T:
        """Result of `work` on the shop being served, which nobody else changes or exchanges meanwhile; as `run`."""
        self._at_hand()
        return await self._changes.run(lambda: self.changed(work))

    def changed(self, work: Callable[[Shop], T]) -> T:
        """`change`, for threads that are not the event loop's. Raises `ProblemError` where it cannot be kept."""
        with self._catalogue:
            try:
                return work(self._at_hand().shop)
            except RefusedError as error:
                raise refused(error) from None

    def _explorer(self, before: Shop | None) -> Explorer | None:
        """One that knows how often garments were shown; none without a state directory, which remembers it."""
        if self.ledger is None:
            return None
        if before is not None and before.explorer is not None:
            times = before.explorer.shown(before.state)
        else:
            times = self.ledger.shown()
        return Explorer(self.plan, clock(), times)

    async def run(self, work: Callable[[Served], T]) -> T:
        """Result of `work` on the served model, off the event loop; raises `ProblemError` (503) when it cannot be."""
        served = self._at_hand()
        return await self._answers.run(lambda: work(served))

    async def survey(self, work: Callable[[Served], T]) -> T:
        """As `run`, for work so long that recommendations are not to wait for it."""
        served = self._at_hand()
        return await self._surveys.run(lambda: work(served))

    def _at_hand(self) -> Served:
        if self._served is None:
            raise ProblemError("not_ready", headers={"Retry-After": "1"})
        return self._served

    async def close(self) -> None:
        """Let the work in hand end, stop the threads and write the state down."""
        await self._answers.close()
        await self._surveys.close()
        await self._changes.close()
        if self.ledger is not None:
            await asyncio.to_thread(self.ledger.close)
        if self._online is not None:
            await asyncio.to_thread(self._online.close)


def proved(model: Model) -> Served:
    """`model`, once a stranger and a known shopper have been answered, twice and the same.

    Raises `ModelError` (`golden_failed`) otherwise. This also builds what the engine builds on first use.
    """
    model = replace(model, world=keeping(model.world))
    known = model.world.shoppers.ids[:1].tolist()
    first, second = (model.recommend([NOBODY, *known], 5) for _ in range(2))
    empty = first.is_empty() and len(model.world.catalogue) > 0
    if empty or not first.equals(second) or not first["score"].is_finite().all():
        fix = "fit it again; do not serve it"
        raise ModelError("it does not answer its golden requests", code="golden_failed", fix=fix)
    choice = fit_choice(model.fitted, model.world)
    return Served(model, version(model), choice, Shop(model, choice=choice), Words())


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
