"""How high a full ranking puts what was taken: by this, settings of a method are chosen on shoppers it left out.

Source: the discount of Järvelin and Kekäläinen 2002 (TOIS 20(4)). Differs: no cut-off and no ideal: every rank counts
something, so that few shoppers are enough.
"""

import numpy as np

from muslin.types import Csr, Floats

_ROWS = 256
"""Rankings counted at once."""


def gained(scores: Floats, taken: Csr, *, most: int = 2000) -> float:
    """Mean of 1 / log2(rank + 1) over the first `most` pairs of `taken` [U, I] ranked by `scores` [U, I]; ties low.

    0 where nothing was taken.
    """
    rows = np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr))[:most]
    own = scores[rows, taken.indices[:most]]
    gains = np.zeros(len(rows))
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        gains[part] = 1 / np.log2(1 + (scores[rows[part]] >= own[part, None]).sum(axis=1))
    return float(gains.mean()) if len(gains) else 0.0
