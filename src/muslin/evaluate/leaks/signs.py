"""How unlikely a surplus of one sign is, where pairs that share an item or a shopper may stand or fall together."""

import numpy as np
from numpy.typing import NDArray

from muslin.types import Ints


def surplus(values: NDArray[np.number], cluster: Ints) -> float:
    """The sum of `values` [P] over the standard deviation random signs of whole clusters would give it; 0 for none.

    `cluster` [P]: equal numbers share a sign. About standard normal where the signs are chance, with many clusters.
    """
    if not len(values):
        return 0.0
    _, place = np.unique(cluster, return_inverse=True)
    sums = np.bincount(place, weights=values.astype(np.float64))
    spread = float(np.sqrt(np.square(sums).sum()))
    return float(sums.sum()) / spread if spread else 0.0
