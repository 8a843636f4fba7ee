"""EASE: every item predicted from all others by a linear map in closed form; new garments by a map from content to it.

Source: Steck 2019 (WWW, arXiv 1905.03375), equations 7 and 8; the map of content to the columns of an item-item model
as Gantner et al. 2010 (ICDM), section 4.2, map it to factors.
Differs: small weights are dropped (`nets.ease`); see `nets.mapped`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive
from muslin.nets import blend, ease, mapped, rows, stored
from muslin.types import Items, Params, TrainData, Users


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
        idf = torch.from_numpy(blend.inverse_frequency(features.matrix))
        found = blend.learned(data, blend.columns(features, idf.numpy()), seed)
        tables = {"idf": idf} | {name: torch.from_numpy(table) for name, table in found._asdict().items()}
        weights = ease.weights(data.matrix(), self.config.penalty, self.config.keep)
        return tables | mapped.fit(features, idf, found, self._shape, seed) | stored.tensors("ease", weights)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Expected preferences [U, I]: EASE's for trained items, their image in content space for new ones."""
        n = len(params["ease/starts"]) - 1
        taken, features, hot = rows.taken(users.history, n), items.catalogue.features, items.rows < n
        by_ease = rows.product(taken, stored.once_for(features, params, "ease", n))
        out = np.zeros((len(users), len(items)), dtype=np.float32)
        out[:, hot] = by_ease[:, items.rows[hot]]
        if not hot.all():
            image = mapped.image(params, taken, by_ease, self._shape, features)
            (out[:, ~hot],) = mapped.expected(params, image, features, items.rows[~hot])
        return torch.from_numpy(out)

    @property
    def _shape(self) -> mapped.Shape:
        c = self.config
        return mapped.Shape(penalty=c.map_penalty, directions=c.directions, own=c.own)


def build(config: Config) -> Ease:
    """Method with `config`."""
    return Ease(config)
