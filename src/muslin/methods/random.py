"""Random order: the floor every method must clear.

Source: none.
Differs: scores are a hash of shopper, item and seed, so they depend on neither the batch nor the candidate list.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from muslin.method import Evidence
from muslin.types import Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Config:
    """No options."""


@dataclass(frozen=True)
class Random:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset()

    def init(self, data: TrainData, seed: int) -> Params:
        """The seed itself."""
        return {"seed": torch.tensor([seed % 2**31], dtype=torch.int64)}

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Uniform scores [U, I] in [0, 1)."""
        seed = np.uint64(int(params["seed"][0]))
        item_N = np.array([crc32(name.encode()) for name in items.catalogue.ids], dtype=np.uint64)
        # The history stands in for an identity, which unknown shoppers lack.
        history = _mixed((users.history.astype(np.float64) @ (item_N / 2.0**16)).astype(np.uint64))
        user_U = _mixed((users.rows + 1).astype(np.uint64) + history)
        item_I = _mixed(item_N[items.rows] + seed * np.uint64(0x9E3779B9))
        bits_UI = _mixed(user_U[:, None] ^ item_I[None, :])
        return torch.from_numpy((bits_UI >> np.uint64(40)).astype(np.float32) / np.float32(2**24))


def _mixed(x: np.ndarray) -> np.ndarray:
    """SplitMix64 finaliser: every input bit stirs every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def build(config: Config) -> Random:
    """Method with `config`."""
    return Random(config)
