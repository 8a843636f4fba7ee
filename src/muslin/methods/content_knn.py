"""Content neighbours: a garment is for you when it looks like what you took before.

Source: the vector space recommender of Pazzani and Billsus 2007 (The Adaptive Web, ch. 10), section 10.3, with profile
and item compared by cosine.
Differs: each column counts by its inverse document frequency, so that sharing a rare value says more than sharing a
common one; embedding columns add their own cosines.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.features.dense import unit
from muslin.method import Evidence, NotNegative
from muslin.nets.blend import inverse_frequency
from muslin.nets.rows import unit_rows
from muslin.types import Csr, Floats, Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    idf_power: NotNegative = 1.0
    """How strongly rare values count; 0 = all values alike."""
    dense_weight: NotNegative = 0.5
    """Weight of the cosine of each embedding column, beside 1 for that of all other columns together."""


@dataclass(frozen=True)
class ContentKnn:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """Weight of each feature column [D]."""
        idf = inverse_frequency(data.catalogue.features.matrix)
        return {"weight": torch.from_numpy(idf**self.config.idf_power)}

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Weighted cosines [U, I] between the sum of the history's features and each candidate's."""
        weight = params["weight"].numpy()
        content = unit_rows(items.catalogue.features.matrix @ sp.diags_array(weight))
        profile = unit_rows(users.history.sign() @ content)
        scores = _product(profile, content[items.rows])
        for column in items.catalogue.features.dense:
            taste = users.history.sign() @ column.vectors
            scores += self.config.dense_weight * (unit(taste) @ column.vectors[items.rows].T)
        return torch.from_numpy(scores)


def _product(profile_UD: Csr, content_ID: Csr) -> Floats:
    """`profile @ content.T` [U, I], with the shorter side made dense: scores are dense, features are not."""
    if profile_UD.shape[0] < content_ID.shape[0]:
        return np.ascontiguousarray((content_ID @ profile_UD.T.toarray()).T, dtype=np.float32)
    return np.ascontiguousarray(profile_UD @ content_ID.T.toarray(), dtype=np.float32)


def build(config: Config) -> ContentKnn:
    """Method with `config`."""
    return ContentKnn(config)
