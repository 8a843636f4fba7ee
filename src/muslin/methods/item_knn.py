"""Item neighbours: who took this also took that; a new garment stands in for the known ones it is most alike to.

Source: Sarwar et al. 2001 (WWW), sections 3.1 and 3.2, cosine of the items' buyers and the k nearest; shrinkage of
similarities that rest on few shoppers, Bell and Koren 2007 (ICDM), section 2.1.
Differs: each shopper counts by how little they take (as idf), so that those who take everything say little; a new
garment scores the weighted mean of the garments most alike in content (`nets.neighbours`), where one that the shopper
took is similar to itself.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative
from muslin.nets import blend, item_cosines, neighbours, stored
from muslin.types import Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    nearest: Count = 200
    """Neighbours kept of each item."""
    shrinkage: NotNegative = 30.0
    """Shoppers' worth of doubt in every similarity."""
    content: Count = 100
    """Known garments that a new one stands in for."""
    own: NotNegative = 1.0
    """Similarity of a taken garment to itself, where a new one stands in for it."""


@dataclass(frozen=True)
class ItemKnn:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """`knn/...` [N, N]: each item's neighbours in its column; `idf`, `weight`, `usual` of the content blend."""
        features = data.catalogue.features
        idf = blend.inverse_frequency(features.matrix)
        found = blend.learned(data, blend.columns(features, idf), seed)
        params = {name: torch.from_numpy(v) for name, v in {"idf": idf, **found._asdict()}.items()}
        similar = item_cosines.similar(data.matrix(), self.config.nearest, self.config.shrinkage)
        return params | stored.tensors("knn", similar)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Sums of similarities [U, I] to what the shopper took."""
        n = len(params["knn/starts"]) - 1
        taken = sp.csr_matrix(users.history[:, :n].sign())
        expected = sp.csr_matrix(taken @ stored.matrix(params, "knn", n))
        hot = items.rows < n
        out = np.zeros((len(users), len(items)), dtype=np.float32)
        out[:, hot] = expected.toarray()[:, items.rows[hot]]
        if not hot.all():
            features, content = items.catalogue.features, self.config.content
            near = neighbours.of_new(features, params, n, content, items.rows[~hot])
            out[:, ~hot] = near.votes((expected + self.config.own * taken).toarray())
        return torch.from_numpy(out)


def build(config: Config) -> ItemKnn:
    """Method with `config`."""
    return ItemKnn(config)
