"""What sells now: popularity in which an event counts half for every half-life that has passed.

Source: exponential decay of events, Ding and Li 2005 (CIKM, "Time weight collaborative filtering"), section 3.2.
Differs: age is measured from the newest training event; a shopper counts once an item, by their newest event; a garment
without an event takes the mean of its finest known category, as `popularity_category` does.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.method import Evidence, Positive
from muslin.types import Floats, Items, Params, TrainData, Users

_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    half_life: Positive = 7.0
    """Days after which an event counts half."""


@dataclass(frozen=True)
class PopularityRecent:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset()

    def init(self, data: TrainData, seed: int) -> Params:
        """`recent` [N] decayed shoppers, `mean` [1], and `level_d`: the mean of each category of level d, or -1."""
        recent = self._decayed(data)
        params = {"recent": torch.from_numpy(recent), "mean": torch.tensor([recent.mean()], dtype=torch.float32)}
        for level, codes in enumerate(data.catalogue.category.T):
            known = codes >= 0
            size = np.bincount(codes[known], minlength=1)
            total = np.bincount(codes[known], weights=recent[known], minlength=1)
            means = np.where(size > 0, total / np.maximum(size, 1), -1.0)
            params[f"level_{level}"] = torch.from_numpy(means.astype(np.float32))
        return params

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Decayed shoppers [U, I], of new items those of their category."""
        recent = params["recent"].numpy()
        score = np.full(len(items), float(params["mean"][0]), dtype=np.float32)
        for level, codes in enumerate(items.catalogue.category[items.rows].T):
            means = params[f"level_{level}"].numpy()
            known = (codes >= 0) & (codes < len(means))
            found = np.where(known, means[np.where(known, codes, 0)], -1)
            score = np.where(found >= 0, found, score).astype(np.float32)
        hot = items.rows < len(recent)
        score[hot] = recent[items.rows[hot]]
        return torch.from_numpy(score).expand(len(users), -1)

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
