"""A garment is for you when its vector points where those of what you took point: nothing but vectors is looked at."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.method import Evidence
from muslin.nets.sparse import sparse_product
from muslin.types import Items, Params, TrainData, Users


@dataclass(frozen=True)
class VectorCosine:
    """A `Scorer` whose only parameter is `vectors` [N, K], one for each row of the catalogue that is scored.

    Judges encoders: what a method makes of the same vectors depends on all else it knows.
    """

    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """The vectors of the first embedding column; IndexError where there is none."""
        del seed  # nothing is drawn
        return {"vectors": torch.from_numpy(data.catalogue.features.dense[0].vectors)}

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Cosines [U, I]."""
        return cosines(params["vectors"], users, items)


def cosines(vectors_NK: Tensor, users: Users, items: Items) -> Tensor:
    """Cosines [U, I] of the mean vector of each history with each candidate's.

    The mean of the rows that were trained on is taken off first, as `features.dense` does for every method.
    """
    centred_NK = F.normalize(vectors_NK - vectors_NK[: items.catalogue.n_hot].mean(0), dim=1)
    taste_UK = F.normalize(sparse_product(users.history.sign(), centred_NK), dim=1)
    return taste_UK @ centred_NK[torch.from_numpy(items.rows)].T
