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
from implicit.cpu.als import AlternatingLeastSquares
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits
from torch import Tensor

from muslin.method import Count, Evidence, Positive
from muslin.random import stream
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
        with threadpool_limits(1, "blas"):  # implicit threads by itself and warns about BLAS doing so too
            model = AlternatingLeastSquares(
                factors=c.factors,
                regularization=c.regularization,
                alpha=1 + c.alpha,  # implicit's alpha is the whole confidence of an event
                iterations=c.iterations,
                random_state=int(stream(seed, "ials").integers(2**31)),
            )
            model.fit(pairs, show_progress=False)
        item_NK = np.asarray(model.item_factors, dtype=np.float32)
        params = {"item": torch.from_numpy(item_NK), "gram": torch.from_numpy(item_NK.T @ item_NK)}
        params["map"] = torch.from_numpy(_content_map(data.catalogue.features.matrix, item_NK, pairs, c.map_penalty))
        return params

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Inner products [U, I] of folded-in shoppers and items; cold items use mapped factors."""
        catalogue = items.catalogue
        mapped = torch.from_numpy(catalogue.features.matrix @ params["map"].numpy())
        item_NK = torch.cat([params["item"], mapped[len(params["item"]) :]])
        return self._fold_in(params["gram"], item_NK, users.history.sign()) @ item_NK[torch.from_numpy(items.rows)].T

    def _fold_in(self, gram_KK: Tensor, item_NK: Tensor, history_UN: Csr) -> Tensor:
        """[U, K] solutions of (YᵀY + λI + αY_uᵀY_u) x = (1 + α) Y_uᵀ1, Y_u the n rows of the shopper's items.

        By the Woodbury identity an n x n system a shopper, solved together for all shoppers with the same n.
        """
        ridge_KK = gram_KK.double() + self.config.regularization * torch.eye(len(gram_KK), dtype=torch.float64)
        inverse_KK = torch.linalg.inv(ridge_KK)
        lengths = np.diff(history_UN.indptr)
        out_UK = torch.zeros(len(lengths), len(gram_KK), dtype=torch.float64)
        for n in np.unique(lengths[lengths > 0]):
            users = np.flatnonzero(lengths == n)
            items_Bn = history_UN.indices[history_UN.indptr[users][:, None] + np.arange(n)]
            out_UK[torch.from_numpy(users)] = self._solved(inverse_KK, item_NK[torch.from_numpy(items_Bn)].double())
        return out_UK.float()

    def _solved(self, inverse_KK: Tensor, own_BnK: Tensor) -> Tensor:
        alpha, n = self.config.alpha, own_BnK.shape[1]
        half_BnK = own_BnK @ inverse_KK
        start_BK = (1 + alpha) * half_BnK.sum(1)
        small_Bnn = half_BnK @ own_BnK.mT + torch.eye(n, dtype=torch.float64) / alpha
        weight_Bn = torch.linalg.solve(small_Bnn, (own_BnK @ start_BK[:, :, None]).squeeze(2))
        own_part_BK: Tensor = (half_BnK * weight_Bn[:, :, None]).sum(1)
        return start_BK - own_part_BK


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
