"""Implicit ALS factors, with a map from content to factors so that new garments have factors too.

Source: Hu, Koren and Volinsky 2008 (ICDM), equations 4 and 5 for the factors; Gantner et al. 2010 (ICDM), section 4.2,
for the linear map from attributes to factors of new items.
Differs: the factorisation is the `implicit` library's; every shopper's vector is folded in from their history at
scoring time (equation 4), so known and new shoppers take one path; the map is a ridge regression weighted by the square
root of how many shoppers stand behind a factor.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.linear_model import Ridge
from torch import Tensor

from muslin.method import Count, Evidence, Positive
from muslin.nets import factors
from muslin.nets.factorised import item_factors
from muslin.types import Csr, Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    factors: Count = 64
    """Length of item and shopper vectors."""
    iterations: Count = 15
    """Alternations."""
    regularization: Positive = 10.0
    """L2 penalty of the factors."""
    alpha: Positive = 40.0
    """Confidence of an event is 1 + alpha, of anything else 1."""
    map_penalty: Positive = 300.0
    """L2 penalty of the content-to-factor map."""


@dataclass(frozen=True)
class Ials:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """`item` [N, K] factors of the training items, `map` [D, K] from content to factors, `gram` [K, K]."""
        c = self.config
        pairs = data.matrix().sign()
        item_NK = item_factors(pairs, self._confidence(), factors=c.factors, iterations=c.iterations, seed=seed)
        params = {"item": item_NK, "gram": item_NK.T @ item_NK}
        params["map"] = torch.from_numpy(
            _content_map(data.catalogue.features.matrix, item_NK.numpy(), pairs, c.map_penalty)
        )
        return params

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Inner products [U, I] of folded-in shoppers and items; cold items use mapped factors."""
        catalogue = items.catalogue
        mapped = torch.from_numpy(catalogue.features.matrix @ params["map"].numpy())
        item_NK = torch.cat([params["item"], mapped[len(params["item"]) :]])
        history, strange = users.history.sign(), torch.zeros(len(users), item_NK.shape[1])
        user_UK = factors.solved(item_NK, params["gram"], history, strange, self._confidence()).float()
        return user_UK @ item_NK[torch.from_numpy(items.rows)].T

    def _confidence(self) -> factors.Confidence:
        return factors.Confidence(alpha=self.config.alpha, penalty=self.config.regularization)


def _content_map(content: Csr, item_NK: np.ndarray, pairs: Csr, penalty: float) -> np.ndarray:
    """[D, K] ridge solution, each item weighted by the square root of its shoppers."""
    if not content.shape[1]:
        return np.zeros((0, item_NK.shape[1]), dtype=np.float32)
    weight = np.sqrt(np.asarray(pairs.getnnz(axis=0), dtype=np.float64))
    ridge = Ridge(alpha=penalty, fit_intercept=False, solver="sparse_cg", tol=1e-4)
    ridge.fit(sp.csr_matrix(content, dtype=np.float64), item_NK.astype(np.float64), sample_weight=weight)
    return np.ascontiguousarray(ridge.coef_.T, dtype=np.float32)


def build(config: Config) -> Ials:
    """Method with `config`."""
    return Ials(config)
