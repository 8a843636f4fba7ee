"""How alike two items are by who took them: who took this also took that.

Source: Sarwar et al. 2001 (WWW), section 3.1, cosine of the items' buyers; shrinkage of similarities that rest on few
shoppers, Bell and Koren 2007 (ICDM), section 2.1. Differs: each shopper counts by how little they take (as idf), so
that those who take everything say little.
"""

import numpy as np
import scipy.sparse as sp

from muslin.nets import rows
from muslin.types import Csr

_ROWS = 1024
"""Items whose cosines are dense at once."""


def similar(pairs: Csr, nearest: int, shrinkage: float) -> Csr:
    """[N, N] shrunken cosines of the items of `pairs` [U, N]: the nearest of each in its column, itself not among them.

    `shrinkage`: shoppers' worth of doubt in every similarity.
    """
    bought = pairs.sign()
    active = np.asarray(bought.sum(axis=1)).ravel()
    damped = sp.csr_matrix(sp.diags_array(1 / np.log(np.e + active)) @ bought).astype(np.float32)
    by_item, length = sp.csr_matrix(damped.T), np.sqrt(np.asarray(damped.multiply(bought).sum(axis=0)).ravel())
    count = np.asarray(bought.sum(axis=0)).ravel()
    parts = []
    for start in range(0, by_item.shape[0], _ROWS):
        some = np.arange(start, min(start + _ROWS, by_item.shape[0]))
        common = (by_item[some] @ bought).toarray()
        sure = np.sqrt(np.outer(count[some], count))
        cosine = common / (length[some, None] * length) * (sure / (sure + shrinkage))
        cosine[np.arange(len(some)), some] = 0
        parts.append(rows.largest(cosine, nearest))
    return sp.csr_matrix(sp.vstack(parts).T)
