"""EASE: every item predicted from all others by a linear map in closed form; new garments by a map from content to it.

Source: Steck 2019 (WWW, arXiv 1905.03375), equations 7 and 8; the map of content to the columns of an item-item model
as Gantner et al. 2010 (ICDM), section 4.2, map it to factors.
Differs: small weights are dropped (`nets.ease`). The ridge map is applied to what EASE expects of a shopper, which
is the same as mapping columns; in a new item's column, an item that was taken counts for itself too (its own weight is
zero only because it must not predict itself).
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive
from muslin.nets import blend, content_map, ease, stored
from muslin.types import Csr, Features, Floats, Ints, Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    penalty: Positive = 50.0
    """L2 penalty of the item-item weights."""
    keep: Count = 300
    """Weights kept an item, on average."""
    map_penalty: Positive = 10.0
    """L2 penalty of the map from content to columns."""
    directions: Count = 768
    """Main directions of the content that the map reads."""
    own: NotNegative = 0.3
    """Weight of a taken item for itself, where a new one is what it is most like."""


@dataclass(frozen=True)
class Ease:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """`ease/...` [N, N]; `idf` [D], `weight`, `usual` [C] of the blend; `basis` [D, R]; `map` [R + E, N]."""
        features = data.catalogue.features
        idf = blend.inverse_frequency(features.matrix)
        columns = blend.columns(features, idf)
        found = blend.learned(data, columns, seed)
        content, dense = content_map.weighted(columns, found)
        basis = content_map.directions(content, self.config.directions, seed)
        mapped = content_map.inverse(content_map.seen(content, dense, basis), self.config.map_penalty)
        tables = {"idf": idf, **found._asdict(), "basis": basis, "map": mapped}
        weights = ease.weights(data.matrix(), self.config.penalty, self.config.keep)
        return {name: torch.from_numpy(table) for name, table in tables.items()} | stored.tensors("ease", weights)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Expected preferences [U, I]: EASE's for trained items, their image in content space for new ones."""
        n = len(params["ease/starts"]) - 1
        taken = sp.csr_matrix(users.history[:, :n].sign())
        expected = sp.csr_matrix(taken @ stored.matrix(params, "ease", n))
        hot = items.rows < n
        out = np.zeros((len(users), len(items)), dtype=np.float32)
        out[:, hot] = expected[:, items.rows[hot]].toarray()
        if not hot.all():
            out[:, ~hot] = _mapped(
                params, expected + self.config.own * taken, items.catalogue.features, items.rows[~hot]
            )
        return torch.from_numpy(out)


def _mapped(params: Params, expected: Csr, features: Features, rows: Ints) -> Floats:
    """[U, rows] ridge prediction of the columns of new items, applied to the shoppers."""
    weights = blend.Weights(params["weight"].numpy(), params["usual"].numpy())
    columns = blend.columns(features.take(rows), params["idf"].numpy())
    new = content_map.seen(*content_map.weighted(columns, weights), params["basis"].numpy())
    mapped: Floats = np.asarray(expected @ params["map"].numpy().T, dtype=np.float32) @ new.T
    return mapped


def build(config: Config) -> Ease:
    """Method with `config`."""
    return Ease(config)
