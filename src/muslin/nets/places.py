"""In which order an item's shoppers came, and which of them that leaves to be asked."""

from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from muslin.types import Csr, Support


def in_time(support: Support, rng: np.random.Generator) -> Csr:
    """[S, I] float32 places of the shoppers of `support`, from 1: as they came, or drawn where nobody kept it.

    Who comes first is not like who comes later: they take more, and the same ones are first everywhere.
    """
    if support.place is None:
        return places(sp.csr_matrix(support.weight).sign(), rng)
    return sp.csr_matrix(support.place, dtype=np.float32)


def places(pairs: Csr, rng: np.random.Generator) -> Csr:
    """`pairs` [U, I] float32 with the place, from 1, of each shopper among those of the item, in an order drawn."""
    columns = sp.csc_matrix(pairs, dtype=np.float32)
    for start, stop in pairwise(columns.indptr):
        columns.data[start:stop] = 1 + rng.permutation(stop - start)
    return sp.csr_matrix(columns)


def between(place: Csr, first: float, last: float) -> Csr:
    """[U, I] float32: 1 where `place` is from `first` to `last`, both included."""
    inside = sp.csr_matrix(place, dtype=np.float32, copy=True)
    inside.data[:] = (place.data >= first) & (place.data <= last)
    inside.eliminate_zeros()
    return inside
