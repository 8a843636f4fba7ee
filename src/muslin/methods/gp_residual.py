"""The content prior, corrected by a Gaussian process over shoppers: what a new garment's first k shoppers say exactly.

How far above its prior a shopper is known to want the garment carries over to those who are like them, the less the
more of its shoppers are alike themselves.

Source: Gaussian process regression with a prior mean, Rasmussen and Williams 2006, equations 2.38 to 2.41; the prior is
that of `ease_content`.
Differs: the kernel is the cosine of whole histories, of full rank, popular items counting less; one k x k system
an item, in closed form; target and noise are chosen on trained items that act as new ones (`nets.episodes`).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive
from muslin.nets import doubt, episodes, prior, warming
from muslin.nets.first_shoppers import Doubles, scored
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
    target: Positive = 20.0
    """Score, in units of the shopper, of a garment that is known to be wanted."""
    noise: Positive = 3.0
    """Variance of what an event says, beside 1 for that of the residual itself."""
    episodes: Count = 128
    """Trained items that act as new ones, to choose `target` and `noise` by."""
    choose: bool = True
    """Whether they are chosen so; where not, or where the items are too few, they are taken as given."""


_SETTINGS = [
    episodes.Setting(target, noise) for noise in (0.3, 1.0, 3.0, 10.0) for target in (5.0, 10.0, 20.0, 40.0, 80.0)
]


def _posterior(setting: episodes.Setting) -> warming.Coefficients:
    target, noise = setting

    def coefficients(alike: Doubles, before: Doubles) -> Doubles:
        return np.asarray(
            np.linalg.solve(alike + noise * np.eye(alike.shape[-1]), (target - before)[..., None])[..., 0]
        )

    return coefficients


@dataclass(frozen=True)
class GpResidual:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """Parameters of `nets.prior.fit`, `damping` [N], `process`: target and noise, `doubt` [1]: prior variance."""
        c, shape = self.config, prior.Shape.of(self.config)
        params = prior.fit(data, shape, seed)
        params["damping"] = torch.from_numpy(warming.damping(data.matrix(), c.damping))
        setting, variance = episodes.Setting(c.target, c.noise), c.target**2
        found = episodes.drawn(data, params, c.episodes, seed) if c.choose else None
        if found is not None:
            setting = episodes.best(found, shape, [setting, *_SETTINGS], _posterior)
            variance = _variance(found, shape, setting)
        return params | {"process": torch.tensor(setting), "doubt": torch.tensor([variance])}

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Posterior mean [U, I]; the prior where no event was told."""
        scores = prior.scores(params, users, items, prior.Shape.of(self.config))
        return torch.from_numpy(scores + warming.added(params, users.history, items))

    def adapt(self, params: Params, support: Support) -> Params:
        """(K + noise I)⁻¹ (target - prior) of each item's shoppers, over their histories."""
        return _adapted(params, support, prior.Shape.of(self.config), episodes.Setting(*params["process"].tolist()))

    def uncertainty(self, params: Params, users: Users, items: Items) -> Tensor:
        """[U, I] posterior standard deviation; 0 for trained items and who has no history, which nothing here moves."""
        left = 1.0 - doubt.explained(params, users.history, items)
        left[:, items.rows < len(params["damping"])] = 0.0
        left[np.diff(users.history.indptr) == 0] = 0.0
        return torch.from_numpy(np.sqrt(params["doubt"].numpy() * np.maximum(left, 0.0)).astype(np.float32))


def _adapted(params: Params, support: Support, shape: prior.Shape, setting: episodes.Setting) -> Params:
    before = scored(support, lambda users, items: prior.scores(params, users, items, shape))
    told = warming.heard(params, support)
    return warming.weighed(params, told, before, _posterior(setting)) | doubt.adapted(told, support, setting.second)


def _variance(found: episodes.Episodes, shape: prior.Shape, setting: episodes.Setting) -> float:
    """Prior variance that explains how far the scores of the episodes move."""
    cases = found.cases
    after = _adapted(found.params, cases.told[-1], shape, setting)
    return doubt.variance(after, cases, warming.added(after, cases.users.history, cases.items))


def build(config: Config) -> GpResidual:
    """Method with `config`."""
    return GpResidual(config)
