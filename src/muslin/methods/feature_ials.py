"""Implicit ALS whose factors are expected to be what features say: content for garments, profile for shoppers.

Each factor has a prior mean, a linear map of its features; the maps and the factors are fitted in turn. A garment or a
shopper without an event is at its prior mean; with every event it moves away from it as far as the event is worth.

Source: Agarwal and Chen 2009 (KDD, "Regression-based latent factor models"), section 2, for priors that features give;
Hu, Koren and Volinsky 2008 (ICDM), equations 4 and 5, for implicit feedback.
Differs: point estimates by alternation, no sampling of variances; rows of features have unit length, so that a garment
described in many words is not expected to have longer factors.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive
from muslin.nets import content, factors, ridge
from muslin.random import torch_stream
from muslin.types import Csr, Features, Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    factors: Count = 128
    """Length of item and shopper vectors."""
    iterations: Count = 12
    """Alternations."""
    penalty: Positive = 100.0
    """How strongly factors are held to their prior means."""
    alpha: Positive = 40.0
    """Confidence of an event is 1 + alpha, of anything else 1."""
    map_penalty: Positive = 5.0
    """L2 penalty of the map from content to factors."""
    profile_penalty: Positive = 30.0
    """L2 penalty of the map from profiles to factors."""
    idf_power: NotNegative = 0.5
    """How strongly rare values count; 0 = all values alike."""
    steps: Count = 10
    """Conjugate gradient steps of the maps in each alternation."""


@dataclass(frozen=True)
class FeatureIals:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history", "profile"})

    def init(self, data: TrainData, seed: int) -> Params:
        """`item` [N, K], `gram` [K, K], maps `content` [D, K] and `profile` [F, K], and `idf` [D]."""
        c = self.config
        by_user = sp.csr_matrix(data.matrix().sign())
        by_item = sp.csr_matrix(by_user.T)
        idf = content.frequency_weights(data.catalogue.features) ** c.idf_power
        garment, profile = _unit(data.catalogue.features, idf), _unit(data.shoppers.features)
        item = 0.1 * torch.randn(by_item.shape[0], c.factors, generator=torch_stream(seed, "feature_ials")).double()
        maps = (np.zeros((garment.shape[1], c.factors)), np.zeros((profile.shape[1], c.factors)))
        for _ in range(c.iterations):
            user = self._solved(item, by_user, torch.from_numpy(profile @ maps[1]))
            item = self._solved(user, by_item, torch.from_numpy(garment @ maps[0]))
            maps = (
                self._map(garment, item, c.map_penalty, maps[0]),
                self._map(profile, user, c.profile_penalty, maps[1]),
            )
        found = {"item": item, "gram": factors.gram(item), "idf": idf}
        return found | {name: torch.from_numpy(m) for name, m in zip(("content", "profile"), maps, strict=True)}

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Inner products [U, I] of folded-in shoppers and items; new items are at their prior means."""
        n = len(params["item"])
        every = _unit(items.catalogue.features, params["idf"])
        new = torch.from_numpy(every[n:] @ params["content"].numpy())
        item = torch.cat([params["item"], new])
        profile = _unit(Features(users.features, ()))
        prior = torch.from_numpy(profile @ params["profile"].numpy())
        user = self._solved(item, sp.csr_matrix(users.history.sign()), prior, params["gram"])
        return (user @ item[torch.from_numpy(items.rows)].T).float()

    def _solved(self, table: Tensor, taken: Csr, prior: Tensor, gram: Tensor | None = None) -> Tensor:
        confidence = factors.Confidence(alpha=self.config.alpha, penalty=self.config.penalty)
        return factors.solved(table, factors.gram(table) if gram is None else gram, taken, prior, confidence)

    def _map(self, features: Csr, target: Tensor, penalty: float, start: np.ndarray) -> np.ndarray:
        weight = np.ones(features.shape[0])
        return ridge.solved(features, target.numpy(), weight, penalty, start, self.config.steps)


def _unit(features: Features, weight: Tensor | None = None) -> Csr:
    """Sparse features [rows, D] float64 of unit length, each column times `weight` before."""
    return content.unit(features, weight).matrix.astype(np.float64)


def build(config: Config) -> FeatureIals:
    """Method with `config`."""
    return FeatureIals(config)
