"""EASE: every item predicted from all others by a linear map in closed form; new garments by a map from content to it.

Source: Steck 2019 (WWW, arXiv 1905.03375), equations 7 and 8; the map of content to the columns of an item-item model
as Gantner et al. 2010 (ICDM), section 4.2, map it to factors.
Differs: small weights are dropped (`nets.ease`). The ridge map is applied to what EASE expects of a shopper, which
is the same as mapping columns and needs no matrix of items by features.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from scipy.linalg import cho_factor, cho_solve
from torch import Tensor

from muslin.method import Count, Evidence, Positive
from muslin.nets import ease, stored
from muslin.types import Csr, Floats, Ints, Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    penalty: Positive = 50.0
    """L2 penalty of the item-item weights."""
    keep: Count = 300
    """Weights kept an item, on average."""
    map_penalty: Positive = 30.0
    """L2 penalty of the map from content to columns."""
    features: Count = 4096
    """Feature columns the map reads: those that most items have."""


@dataclass(frozen=True)
class Ease:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """`ease/...` [N, N] weights; `chosen` [D'] feature columns; `content/...` [N, D'], `inverse` [D', D']."""
        content = data.catalogue.features.matrix
        order = np.argsort(-content.getnnz(axis=0), kind="stable")[: self.config.features]
        chosen = np.sort(order).astype(np.int64)
        own = sp.csr_matrix(content[:, chosen], dtype=np.float64)
        gram = (own.T @ own).toarray() + self.config.map_penalty * np.eye(len(chosen))
        inverse = cho_solve(cho_factor(gram), np.eye(len(chosen))) if len(chosen) else gram
        params = {"chosen": torch.from_numpy(chosen), "inverse": torch.from_numpy(inverse.astype(np.float32))}
        weights = ease.weights(data.matrix(), self.config.penalty, self.config.keep)
        return params | stored.tensors("ease", weights) | stored.tensors("content", own)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Expected preferences [U, I]: EASE's for trained items, their image in content space for new ones."""
        n = len(params["ease/starts"]) - 1
        expected = sp.csr_matrix(users.history[:, :n].sign() @ stored.matrix(params, "ease", n))
        hot = items.rows < n
        out = np.zeros((len(users), len(items)), dtype=np.float32)
        out[:, hot] = expected[:, items.rows[hot]].toarray()
        if not hot.all():
            out[:, ~hot] = _mapped(params, expected, items.catalogue.features.matrix, items.rows[~hot])
        return torch.from_numpy(out)


def _mapped(params: Params, expected: Csr, content: Csr, rows: Ints) -> Floats:
    """[U, rows] ridge prediction of the columns of new items, applied to the shoppers."""
    chosen = params["chosen"].numpy()
    own = stored.matrix(params, "content", len(chosen))
    pulled = (expected @ own).toarray().astype(np.float32) @ params["inverse"].numpy()
    mapped: Floats = np.ascontiguousarray((content[rows][:, chosen] @ pulled.T).T, dtype=np.float32)
    return mapped


def build(config: Config) -> Ease:
    """Method with `config`."""
    return Ease(config)
