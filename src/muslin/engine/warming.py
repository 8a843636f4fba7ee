"""New garments learn from their first shoppers: what the online state knows of them reaches the method's `adapt`.

The same `adapt` as in evaluation, on the same kind of support, so online scores are offline scores. The posterior is
derived anew from all that was told, never updated, so the order of events cannot matter. It is derived when the first
shoppers of a garment change: what these took elsewhere since is read then, and after a restart.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.engine.online.event import Shopper, Taken, Told
from muslin.features.space import World
from muslin.method import Adaptable, Fitted
from muslin.types import Support, Users

QUICK = 0.02
"""Seconds: what took no longer than this last time is done at once, anything slower beside the answers."""
REST = 4.0
"""Times its own length that the slow kind waits before it is done again."""
PAUSE = 1.0
"""Seconds that count as the length of one that failed, at least."""


class First(Protocol):
    """What is told of garments and shoppers; `Online` is it."""

    @property
    def seq(self) -> int:
        """Number of the last event that is in all the others."""
        ...

    def revealed(self, item: str) -> tuple[Told, ...]:
        """The first shoppers of a garment who liked it."""
        ...

    def changes(self, since: int) -> tuple[int, frozenset[str] | None]:
        """The version now, and the garments whose first shoppers changed since another (None: any may have)."""
        ...

    def history(self, shopper: Shopper | bytes) -> tuple[Taken, ...]:
        """What a shopper took."""
        ...

    def key(self, shopper: Shopper) -> bytes:
        """The hash under which a shopper is known."""
        ...


def support(
    world: World, fitted: Fitted, told: Mapping[str, Sequence[Told]], first: First, who: Mapping[bytes, str]
) -> Support:
    """What `told` says of garments without training events; `who`: ids of shoppers of the model by their hash.

    A shopper's history is that of training and what they took since, without the garments of `told`.
    """
    keys = list(dict.fromkeys(one.shopper for shoppers in told.values() for one in shoppers))
    place = {key: n for n, key in enumerate(keys)}
    items = world.items(list(told))
    cells = [
        (place[one.shopper], column, one.weight) for column, shoppers in enumerate(told.values()) for one in shoppers
    ]
    row, column, weight = (np.array(part) for part in zip(*cells, strict=True))
    shape = (len(keys), len(items))
    weights = sp.csr_matrix((weight.astype(np.float32), (row.astype(int), column.astype(int))), shape=shape)
    return Support(_shoppers(world, fitted, keys, set(told), first, who), items, weights)


def _shoppers(
    world: World, fitted: Fitted, keys: Sequence[bytes], told: set[str], first: First, who: Mapping[bytes, str]
) -> Users:
    names = [who.get(key, key.hex()) for key in keys]
    users, items, weights = [], [], []
    for name, key in zip(names, keys, strict=True):
        for taken in first.history(key):
            if taken.item not in told:
                users.append(name)
                items.append(taken.item)
                weights.append(taken.weight)
    frame = pl.DataFrame(
        {
            "user_id": pl.Series(users, dtype=pl.String),
            "item_id": pl.Series(items, dtype=pl.String),
            "weight": pl.Series(weights, dtype=pl.Float32),
        }
    )
    return world.users(names, frame, fitted.method.evidence)


@dataclass(frozen=True)
class Warmed:
    """Parameters that know the first shoppers of some garments: their `rows`.

    `version`: that of what was told; `garments`: how many the catalogue had that was looked through. `as_of`: number
    of the last event in it, None where no later one says anything of these garments.
    """

    fitted: Fitted
    rows: frozenset[int]
    version: int
    garments: int
    as_of: int | None = None


class Warming:
    """Keeps the parameters of one model up with what is told. May be used from any thread.

    `failed` hears of errors of the model, and what it knew last is what answers have; without it they are raised.
    """

    def __init__(self, fitted: Fitted, first: First | None, failed: Callable[[Exception], None] | None = None) -> None:
        self._base = fitted
        self._first = first if isinstance(fitted.method, Adaptable) else None
        self._now = Warmed(fitted, frozenset(), -1, 0)
        self._told: dict[str, tuple[Told, ...]] = {}
        self._who: dict[bytes, str] = {}
        self._lock = threading.Lock()
        self._failed = failed
        self._took, self._done, self._seq = 0.0, -np.inf, 0

    @property
    def now(self) -> Warmed:
        """What answers have at the moment."""
        return self._now

    def warmed(self, world: World) -> Warmed:
        """Parameters for `world`, which is that of the model, perhaps with more garments."""
        if self._first is None:
            return self._now
        told = self._first.changes(self._now.version)[0] != self._now.version
        if not told and len(world.catalogue) <= self._now.garments:
            return self._now
        if self._took <= QUICK:
            with self._lock:
                self._refreshed(world)
        elif time.monotonic() - self._done > REST * self._took and self._lock.acquire(blocking=False):
            threading.Thread(target=self._beside, args=(world,), name="muslin-warming", daemon=True).start()
        now = self._now
        level = self._first.changes(now.version)[0] == now.version
        return now if level else replace(now, as_of=self._seq)

    def _beside(self, world: World) -> None:
        try:
            self._refreshed(world)
        finally:
            self._lock.release()

    def _refreshed(self, world: World) -> None:
        """`_refresh`; where it fails what was known stays, and it is tried again after a while."""
        started = time.monotonic()
        try:
            self._refresh(world)
        except Exception as error:
            if self._failed is None:
                raise
            self._took, self._done = max(time.monotonic() - started, PAUSE), time.monotonic()
            self._failed(error)

    def _refresh(self, world: World) -> None:
        first, method = self._first, self._base.method
        assert first is not None
        assert isinstance(method, Adaptable)
        seq, (version, changed) = first.seq, first.changes(self._now.version)
        if self._now.version < 0:
            ids, changed = world.shoppers.ids[: world.shoppers.n_hot].tolist(), None
            self._who = {first.key(Shopper("user", name)): name for name in ids}
        started = time.monotonic()
        looked = self._looked(world, changed)
        if version == self._now.version and not any(looked.values()):
            self._now = replace(self._now, garments=max(self._now.garments, len(world.catalogue)))
            self._seq = seq
            return
        self._told |= looked
        there = world.row_of_item
        told = {name: shoppers for name, shoppers in sorted(self._told.items()) if shoppers and name in there}
        params = self._base.params
        if told:
            params = method.adapt(params, support(world, self._base, told, first, self._who))
        rows = frozenset(world.item_rows(list(told)).tolist())
        self._now, self._seq = Warmed(self._base._replace(params=params), rows, version, len(world.catalogue)), seq
        if told:  # the first look at a catalogue of which nothing was told says nothing of the next
            self._took, self._done = time.monotonic() - started, time.monotonic()

    def _looked(self, world: World, changed: frozenset[str] | None) -> dict[str, tuple[Told, ...]]:
        """The first shoppers of garments without training events that `changed` (None: all of them).

        And of those that joined since: their events may have come before the catalogue that has them.
        """
        first, hot, ids = self._first, world.catalogue.n_hot, world.catalogue.ids
        assert first is not None
        names = ids[hot:].tolist() if changed is None else [*changed, *ids[max(self._now.garments, hot) :].tolist()]
        return {name: first.revealed(name) for name in names if world.row_of_item.get(name, -1) >= hot}
