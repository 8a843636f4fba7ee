"""One row of a sparse matrix at a time: what an answer to one shopper is made of.

SciPy checks every matrix it builds, which costs more than all there is to do with a single row. Nothing is checked
here: the arrays come from matrices that were.
"""

from functools import lru_cache

import numpy as np
import scipy.sparse as sp

from muslin.types import Csr, Floats, Ints


def one_row(matrix: Csr, row: int) -> Csr:
    """[1, D] row `row` of `matrix` [R, D] without explicit zeros; empty where `row` is -1."""
    if row < 0:
        return _made(matrix.data[:0], matrix.indices[:0], matrix.shape[1])
    part = slice(matrix.indptr[row], matrix.indptr[row + 1])
    data, indices = matrix.data[part], matrix.indices[part]
    if not data.all():
        return _made(data[data != 0], indices[data != 0], matrix.shape[1])
    return _made(data.copy(), indices.copy(), matrix.shape[1])


def sum_of_rows(matrix: Csr, rows: Ints, weight: Floats) -> Floats:
    """[D] the rows `rows` [R] of `matrix` [N, D], each times its `weight` [R], added up in this order, in float32."""
    first = matrix.indptr[rows].astype(np.int64)
    counts = matrix.indptr[rows + 1] - first
    ends = np.cumsum(counts)
    cells = np.repeat(first - (ends - counts), counts) + np.arange(ends[-1] if len(rows) else 0)
    out = np.zeros(matrix.shape[1], dtype=np.float32)
    np.add.at(out, matrix.indices[cells], matrix.data[cells] * np.repeat(weight, counts))
    return out


def _made(data: Floats, indices: Ints, width: int) -> Csr:
    out = object.__new__(sp.csr_matrix)
    out.__dict__.update(_empty(width).__dict__)
    out.data, out.indices = data, indices
    out.indptr = np.array([0, len(data)], dtype=indices.dtype)
    return out


@lru_cache(16)
def _empty(width: int) -> Csr:
    return sp.csr_matrix((1, width), dtype=np.float32)
