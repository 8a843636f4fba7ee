"""The first event of each (shopper, garment) pair, listed by time for each garment or each shopper."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from muslin.types import Bools, Csr, Ints, TrainData


@dataclass(frozen=True)
class Lists:
    """Of entity e: `other[starts[e]:starts[e + 1]]`, at `times` that ascend."""

    starts: Ints
    other: Ints
    times: Ints

    def counts(self) -> Ints:
        """How many others each has."""
        return np.diff(self.starts)

    def own(self, entity: int) -> Ints:
        """The others of one entity, in order of time."""
        return self.other[self.starts[entity] : self.starts[entity + 1]]

    def time(self, entity: int) -> Ints:
        """When they came."""
        return self.times[self.starts[entity] : self.starts[entity + 1]]

    def where(self, wanted: Bools) -> "Lists":
        """Only the `wanted` others."""
        kept = wanted[self.other]
        entity = np.repeat(np.arange(len(self.starts) - 1), self.counts())[kept]
        counts = np.bincount(entity, minlength=len(self.starts) - 1)
        return Lists(np.concatenate([[0], np.cumsum(counts)]), self.other[kept], self.times[kept])

    def around(self, entity: Ints, k: int, asked: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """For each `entity`, which must have more than `k` others: `k` in a row [T, k] and the next ones [T, asked].

        Where there are fewer next ones than that, -1.
        """
        counts = self.counts()[entity]
        cut = k + (rng.random(len(entity)) * (counts - k)).astype(np.int64)
        start = (self.starts[entity] + cut)[:, None]
        later = start + np.arange(asked)
        inside = later < (self.starts[entity] + counts)[:, None]
        return self.other[start - k + np.arange(k)], np.where(inside, self.other[np.where(inside, later, 0)], -1)


def lists(data: TrainData, key: Literal["item", "user"], rng: np.random.Generator) -> Lists:
    """Lists of garments (shoppers by `key` item) or of shoppers; the order of one instant is drawn."""
    events, n = data.events, len(data.catalogue if key == "item" else data.shoppers)
    own, other = (events.item, events.user) if key == "item" else (events.user, events.item)
    order = np.lexsort((rng.random(len(events)), events.time, other, own))
    own, other, time = own[order], other[order], events.time[order]
    first = np.ones(len(own), dtype=bool)
    first[1:] = (own[1:] != own[:-1]) | (other[1:] != other[:-1])
    own, other, time = own[first], other[first], time[first]
    order = np.lexsort((rng.random(len(own)), time, own))
    starts = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=n))])
    return Lists(starts, other[order], time[order])


def taken(pairs: Csr, users: Ints, items: Ints) -> Bools:
    """[users, items] whether each of `users` took each of `items`."""
    return np.asarray(pairs[users][:, items].toarray() > 0)
