"""Most bought first: the same list for everyone, blind to new garments.

Source: the customary non-personalised baseline, e.g. Cremonesi et al. 2010 (RecSys), section 3.1.
Differs: counts shoppers, not events, so one shopper's repeats do not move the list.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.method import Evidence
from muslin.types import Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """No options."""


@dataclass(frozen=True)
class Popularity:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset()

    def init(self, data: TrainData, seed: int) -> Params:
        """Shoppers per item [N]."""
        counts = data.matrix().getnnz(axis=0)
        return {"shoppers": torch.from_numpy(np.asarray(counts, dtype=np.float32))}

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Counts [U, I]; 0 for cold items."""
        counts = params["shoppers"]
        rows = torch.from_numpy(items.rows)
        hot = rows < len(counts)
        score = torch.where(hot, counts[torch.where(hot, rows, 0)], torch.zeros(()))
        return score.expand(len(users), -1)


def build(config: Config) -> Popularity:
    """Method with `config`."""
    return Popularity(config)
