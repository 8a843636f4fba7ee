"""Content neighbours, each column of the garments counting for what it has been shown to be worth.

Profile and garment are compared column by column, and the cosines are added up with weights learned from which garments
shoppers took among others (`nets.blend`): a dozen numbers, so there is little to overfit and nothing to tune.

Source: Pazzani and Billsus 2007 (The Adaptive Web, ch. 10), section 10.3, for the content profile; McFadden 1974, the
conditional logit, for its weights.
Differs: weights are at least zero; a column that a garment lacks counts as usually alike, neither for nor against it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from muslin.method import Evidence, NotNegative
from muslin.nets import blend
from muslin.types import Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    idf_power: NotNegative = 1.0
    """How strongly rare values count within a column; 0 = all values alike."""


@dataclass(frozen=True)
class ContentBlend:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """`idf` [D] of each feature, `weight` [C] and `usual` [C] cosine of each column (`nets.blend.Weights`)."""
        features = data.catalogue.features
        idf = blend.inverse_frequency(features.matrix) ** self.config.idf_power
        found = blend.learned(data, blend.columns(features, idf), seed)
        return {name: torch.from_numpy(value) for name, value in {"idf": idf, **found._asdict()}.items()}

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Blended cosines [U, I] of the shoppers' histories and the candidates."""
        weights = blend.of_params(params)
        columns = blend.of_catalogue(items.catalogue.features, params["idf"])
        profiles = columns.profile(users.history.sign())
        return torch.from_numpy(blend.blended(profiles, columns.take(items.rows), weights))


def build(config: Config) -> ContentBlend:
    """Method with `config`."""
    return ContentBlend(config)
