"""Popularity that a new garment inherits from its category.

Source: hierarchical back-off, as in shrinkage estimators (Efron and Morris 1975): an item's expected count is its own
where it has one, else its finest known category's mean, shrunk towards the next coarser level.
Differs: none.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.method import Evidence, NotNegative
from muslin.nets import backoff
from muslin.types import Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    shrinkage: NotNegative = 10.0
    """Items' worth of the coarser level's mean that each level's mean is mixed with."""


@dataclass(frozen=True)
class PopularityCategory:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset()

    def init(self, data: TrainData, seed: int) -> Params:
        """Shoppers of each item, and means of its categories (`nets.backoff.fit`)."""
        counts = np.asarray(data.matrix().getnnz(axis=0), dtype=np.float32)
        return backoff.fit(counts, data.catalogue, self.config.shrinkage)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Expected shoppers [U, I]: the item's own count if it is hot, else its category's mean."""
        return torch.from_numpy(backoff.expected(params, items)).expand(len(users), -1)


def build(config: Config) -> PopularityCategory:
    """Method with `config`."""
    return PopularityCategory(config)
