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
from muslin.types import Floats, Ints, Items, Params, TrainData, Users


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
        """Shoppers per item [N], their mean [1], and `level_d`: the shrunken mean of each category of level d."""
        counts = np.asarray(data.matrix().getnnz(axis=0), dtype=np.float32)
        params = {"shoppers": torch.from_numpy(counts), "mean": torch.tensor([counts.mean()], dtype=torch.float32)}
        prior = np.full(len(counts), counts.mean(), dtype=np.float32)
        for level, codes in enumerate(data.catalogue.category.T):
            means = self._means(codes, counts, prior)
            params[f"level_{level}"] = torch.from_numpy(means)
            prior = _looked_up(means, codes, prior)
        return params

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Expected shoppers [U, I]: the item's own count if it is hot, else its category's mean."""
        counts = params["shoppers"].numpy()
        score = np.full(len(items), float(params["mean"][0]), dtype=np.float32)
        for level, codes in enumerate(items.catalogue.category[items.rows].T):
            score = _looked_up(params[f"level_{level}"].numpy(), codes, score)
        hot = items.rows < len(counts)
        score[hot] = counts[items.rows[hot]]
        return torch.from_numpy(score).expand(len(users), -1)

    def _means(self, codes: Ints, counts: Floats, prior: Floats) -> Floats:
        """[C] mean count of each code, mixed with the mean prior of its items; -1 where it has none."""
        known = codes >= 0
        width = int(codes.max(initial=-1)) + 1
        n = np.bincount(codes[known], minlength=width)
        total = np.bincount(codes[known], weights=counts[known], minlength=width)
        coarse = np.bincount(codes[known], weights=prior[known], minlength=width) / np.maximum(n, 1)
        mean = (total + self.config.shrinkage * coarse) / (n + self.config.shrinkage)
        return np.where(n > 0, mean, -1.0).astype(np.float32)


def _looked_up(means: Floats, codes: Ints, default: Floats) -> Floats:
    """`means[codes]` where that category was seen in training, else `default`."""
    inside = (codes >= 0) & (codes < len(means))
    found = np.full(len(codes), -1.0, dtype=np.float32)
    found[inside] = means[codes[inside]]
    return np.where(found >= 0, found, default).astype(np.float32)


def build(config: Config) -> PopularityCategory:
    """Method with `config`."""
    return PopularityCategory(config)
