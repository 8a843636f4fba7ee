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
from muslin.features.kept import once
from muslin.features.one_row import sum_of_rows
from muslin.method import Evidence, NotNegative
from muslin.nets.blend import inverse_frequency
from muslin.nets.rows import unit_rows, unit_vector
from muslin.types import Csr, Features, Floats, Ints, Items, Params, TrainData, Users

FEW = 4
"""Times fewer candidates than garments from which on rows are picked and then scored: picking a row costs as much."""


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
        features, weight = items.catalogue.features, params["weight"]
        content = once(features, "content_knn", (weight,), lambda: _content(features, weight))
        scores = _cosines(users.history, content, items.rows)
        for column in features.dense:
            taste = users.history.sign() @ column.vectors
            scores += self.config.dense_weight * (unit(taste) @ column.vectors[items.rows].T)
        return torch.from_numpy(scores)


def _content(features: Features, weight: Tensor) -> Csr:
    return unit_rows(sp.csr_matrix(features.matrix @ sp.diags_array(weight.numpy())))


def _cosines(history_UN: Csr, content_ND: Csr, rows: Ints) -> Floats:
    """[U, I] cosines of the sums of histories with the `rows`. Scores are dense, and so are a few profiles."""
    few = FEW * len(rows) < content_ND.shape[0]
    if history_UN.shape[0] == 1:
        direction = unit_vector(sum_of_rows(content_ND, history_UN.indices, np.sign(history_UN.data)))
        score: Floats = content_ND[rows] @ direction if few else (content_ND @ direction)[rows]
        return score[None, :]
    profile = unit_rows(history_UN.sign() @ content_ND)
    if profile.shape[0] >= len(rows):
        return np.ascontiguousarray(profile @ content_ND[rows].T.toarray(), dtype=np.float32)
    scores = (content_ND[rows] if few else content_ND) @ profile.toarray().T
    return np.ascontiguousarray((scores if few else scores[rows]).T, dtype=np.float32)


def build(config: Config) -> ContentKnn:
    """Method with `config`."""
    return ContentKnn(config)
