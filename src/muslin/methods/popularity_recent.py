"""What sells now: popularity in which an event counts half for every half-life that has passed.

Source: exponential decay of events, Ding and Li 2005 (CIKM, "Time weight collaborative filtering"), section 3.2.
Differs: age is measured from the newest training event; a shopper counts once an item, by their newest event; a garment
without an event takes the mean of its finest known category, as `popularity_category` does.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.method import Evidence, NotNegative, Positive
from muslin.nets import backoff
from muslin.types import Floats, Items, Params, TrainData, Users

_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    half_life: Positive = 7.0
    """Days after which an event counts half."""
    shrinkage: NotNegative = 10.0
    """Items' worth of the coarser level's mean that each level's mean is mixed with."""


@dataclass(frozen=True)
class PopularityRecent:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset()

    def init(self, data: TrainData, seed: int) -> Params:
        """Decayed shoppers of each item, and means of its categories (`nets.backoff.fit`)."""
        return backoff.fit(self._decayed(data), data.catalogue, self.config.shrinkage)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Decayed shoppers [U, I], of new items those of their category."""
        return torch.from_numpy(backoff.expected(params, items)).expand(len(users), -1)

    def _decayed(self, data: TrainData) -> Floats:
        """[N] sum over shoppers of 2 ** (-age / half-life) of their newest event with the item."""
        events = data.events
        order = np.lexsort((events.time, events.item, events.user))
        user, item, time = events.user[order], events.item[order], events.time[order]
        newest = np.ones(len(user), dtype=bool)
        newest[:-1] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
        age = (time.max(initial=0) - time[newest]) / _DAY
        weight = 0.5 ** (age / self.config.half_life)
        return np.bincount(item[newest], weights=weight, minlength=len(data.catalogue)).astype(np.float32)


def build(config: Config) -> PopularityRecent:
    """Method with `config`."""
    return PopularityRecent(config)
