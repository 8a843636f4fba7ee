"""Content profiles, raw and smoothed by EASE, blended: the strongest simple ranking of garments nobody took yet.

A new garment is for you when it is like what you took, and when it is like what those who took the same also take.
Known garments are ranked by EASE beside their content.

Source: EASE, Steck 2019 (WWW); content profiles, Pazzani and Billsus 2007 (The Adaptive Web, ch. 10), section 10.3;
CombSUM of standardised scores, Montague and Aslam 2001 (CIKM).
Differs: see `nets.prior`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive
from muslin.nets import prior
from muslin.types import Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    penalty: Positive = 50.0
    """L2 penalty of EASE's weights."""
    keep: Count = 300
    """EASE weights kept an item, on average."""
    neighbours: Count = 30
    """Trained items whose expectations a new one takes the mean of."""
    smoothed: NotNegative = 0.5
    """Weight of the smoothed profile of a new item, beside 1 for the raw one."""
    known: NotNegative = 2.0
    """Weight of EASE's expectation of a known item, beside 1 for its raw likeness."""


@dataclass(frozen=True)
class EaseContent:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """Parameters of `nets.prior.fit`."""
        return prior.fit(data, prior.Shape.of(self.config), seed)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Blended scores [U, I], in units of the shopper."""
        return torch.from_numpy(prior.scores(params, users, items, prior.Shape.of(self.config)))


def build(config: Config) -> EaseContent:
    """Method with `config`."""
    return EaseContent(config)
