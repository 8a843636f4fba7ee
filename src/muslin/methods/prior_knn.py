"""The content prior, and the votes of a new garment's first shoppers on top: the cheap way to learn from k events.

Whoever is like those who took the garment is like somebody who wants it; each vote counts less the more there are.

Source: the prior is that of `ease_content`; votes are user-based filtering, Herlocker et al. 1999 (SIGIR).
Differs: popular items count less in who is like whom; the votes are added to a prior in units of the shopper; what
they count is chosen on trained items that act as new ones (`nets.episodes`).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive
from muslin.nets import episodes, prior, warming
from muslin.types import Items, Params, Support, TrainData, Users


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
    damping: NotNegative = 0.25
    """Power of popularity by which items count less in who is like whom."""
    votes: Positive = 32.0
    """What the votes of all shoppers of an item count in the end."""
    doubt: NotNegative = 5.0
    """Shoppers at which the votes count half of that."""
    episodes: Count = 128
    """Trained items that act as new ones, to choose `votes` and `doubt` by."""
    choose: bool = True
    """Whether they are chosen so; where not, or where the items are too few, they are taken as given."""


_SETTINGS = [
    episodes.Setting(alone * (1 + doubt), doubt)
    for doubt in (2.0, 8.0, 32.0, 128.0)
    for alone in (1.0, 2.0, 4.0, 8.0, 16.0)
]
"""From what the vote of a single shopper counts."""


def _votes(setting: episodes.Setting) -> warming.Coefficients:
    return lambda _alike, before: np.full(before.shape, setting.first / (before.shape[-1] + setting.second))


@dataclass(frozen=True)
class PriorKnn:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """Parameters of `nets.prior.fit`, `damping` [N], and `votes`: what they count in the end, and the doubt."""
        c, shape = self.config, prior.Shape.of(self.config)
        params = prior.fit(data, shape, seed)
        params["damping"] = torch.from_numpy(warming.damping(data.matrix(), c.damping))
        given = episodes.Setting(c.votes, c.doubt)
        choice = episodes.Choice(given, _SETTINGS, _votes, c.episodes if c.choose else 0)
        return params | {"votes": torch.tensor(episodes.chosen(data, params, shape, choice, seed))}

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Prior and votes [U, I]."""
        scores = prior.scores(params, users, items, prior.Shape.of(self.config))
        return torch.from_numpy(scores + warming.added(params, users.history, items))

    def adapt(self, params: Params, support: Support) -> Params:
        """The votes of each item's shoppers; the prior does not matter to them."""
        return warming.adapted(params, support, support.weight, _votes(episodes.Setting(*params["votes"].tolist())))


def build(config: Config) -> PriorKnn:
    """Method with `config`."""
    return PriorKnn(config)
