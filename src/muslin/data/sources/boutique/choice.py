"""How a shopper chooses: exact choice weights, the same to the last bit wherever and however they are computed.

P(item | shopper, domain) is a softmax of taste . vector + base. Tastes and vectors are whole multiples of 1/32 and
bases of 1/1024, all small, so the dot product is a sum of whole numbers below 2**24 and thus exact in float32: no order
of summation, thread count, block size or BLAS can change it. Its exponential is a table of whole numbers, and whole
numbers add up exactly. So neither speed nor hardware can flip a sample, and `Truth` can state the very weights that
were sampled from.

Shape letters: M shoppers, N items, B shoppers of a block, K latent dimensions.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from muslin.types import Floats, Ints

LATENT: Final = 16
"""K: dimensions of taste."""
FINE: Final = 32
"""Steps per unit of a taste or of an item vector."""
GRID: Final = FINE * FINE
"""Steps per unit (nat) of log-weight."""
_REACH = 14  # log-weights are clipped to +-14: e**28 < 2**41, so 2**20 weights add up below 2**61
BLOCK: Final = 2**20
"""Weights held at once."""

# Through float32: 24 bits leave no room for the last-bit differences between one machine's exp and another's.
WEIGHTS: Final[Ints] = np.rint(np.exp(np.arange(2 * _REACH * GRID + 1) / GRID)).astype(np.float32).astype(np.int64)
"""Whole-number weight of each step of log-weight from -14 to 14; at least 1."""
LOG_WEIGHTS: Final[NDArray[np.float64]] = np.log(WEIGHTS)

Small = NDArray[np.int8]


def quantised(values: np.ndarray) -> Small:
    """`values` as multiples of 1/32, clipped to +-127/32."""
    return np.asarray(np.rint(values * FINE).clip(-127, 127), dtype=np.int8)


def operand(vectors: Small, base: NDArray[np.int32]) -> Floats:
    """Right factor [K+1, N] of `cells`, of item vectors [N, K] and bases [N] in 1/1024."""
    shifted = base.clip(-_REACH * GRID, _REACH * GRID) + _REACH * GRID
    return np.ascontiguousarray(np.hstack([vectors, shifted[:, None]]).T, dtype=np.float32)


def cells(taste: Small, right: Floats) -> Ints:
    """Row of `WEIGHTS` [B, N] of each choice by shoppers of `taste` [B, K]; exact, see above."""
    left = np.ones((len(taste), LATENT + 1), dtype=np.float32)
    left[:, :LATENT] = taste
    return np.asarray((left @ right).clip(0, len(WEIGHTS) - 1), dtype=np.int64)


def blocks(n_users: int, n_items: int) -> Iterator[slice]:
    """Slices of the shoppers that keep a block of choices within `BLOCK` weights."""
    size = max(1, BLOCK // max(n_items, 1))
    for start in range(0, n_users, size):
        yield slice(start, min(start + size, n_users))
