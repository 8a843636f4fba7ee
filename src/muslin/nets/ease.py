"""EASE: the linear map from histories to histories that predicts every item from all others, in closed form.

With P = (XᵀX + λI)⁻¹ the weight from item i to another item j is B_ij = -P_ij / P_jj, and B_jj = 0. Where there are
fewer shoppers than items the same numbers come from an inverse of the shoppers' size: Z = (XXᵀ + λI)⁻¹X gives
B_ij = x_iᵀz_j / (1 - x_jᵀz_j).

Source: Steck 2019 (WWW, arXiv 1905.03375), equations 7 and 8; the dual by the identity of Woodbury 1950.
Differs: small weights are dropped to a budget a matrix, so that a model of 15,000 items is 60 MB and not 1 GB. Where
items and shoppers are both too many for a dense matrix, only the items that most took are related; the others have no
weights.
"""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lapack

from muslin.errors import UsageError
from muslin.nets import rows
from muslin.types import Csr

_COLUMNS = 1024
"""Columns of the weights that are dense at once."""
_SINGLE = 8192
"""Inverses larger than this are computed in float32: half the memory and time, and the penalty keeps them tame."""
_MOST = 25_000
"""Rows of a dense matrix at most: 2.5 GB."""
_AHEAD = 3
"""How many times its share of the budget a column may bring to the comparison with the others."""


def weights(pairs: Csr, penalty: float, keep: int) -> Csr:
    """B [N, N] of the binary `pairs` [U, N]: a shopper's scores are the sum of the rows of B of what they took.

    `penalty` is λ > 0. At most about `keep` weights an item are kept: the largest of the whole matrix, none beyond
    3 x `keep` in one column.
    """
    pairs = sp.csr_matrix(pairs.sign(), dtype=np.float64)
    if min(pairs.shape) > _MOST:
        return _of_most_taken(pairs, penalty, keep)
    n = pairs.shape[1]
    blocks = _primal(pairs, penalty) if n <= pairs.shape[0] else _dual(pairs, penalty)
    kept = sp.vstack([rows.largest(block, _AHEAD * keep, size=np.abs(block)) for block in blocks], format="csr")
    return sp.csr_matrix(_cut(kept, keep * n).T, dtype=np.float32)


def _of_most_taken(pairs: Csr, penalty: float, keep: int) -> Csr:
    n = pairs.shape[1]
    most = np.sort(np.argsort(-pairs.getnnz(axis=0), kind="stable")[:_MOST])
    own = weights(pairs[:, most], penalty, keep).tocoo()
    return sp.csr_matrix((own.data, (most[own.row], most[own.col])), shape=(n, n))


def _primal(pairs: Csr, penalty: float) -> Iterator[NDArray[np.floating]]:
    """Transposed blocks [b, N] of B, columns in order, from the inverse [N, N]."""
    inverse = _inverse(sp.csr_matrix(pairs.T @ pairs), penalty)
    diagonal = np.diag(inverse).copy()
    for start in range(0, len(diagonal), _COLUMNS):
        stop = min(start + _COLUMNS, len(diagonal))
        # Only the lower triangle of the inverse is there: the rest of a row stands below it in its column.
        block = np.concatenate([inverse[start:stop, :start], inverse[start:, start:stop].T], axis=1)
        square = np.tril(block[:, start:stop].T, -1)
        block[:, start:stop] = square + square.T
        yield block / -diagonal[start:stop, None]


def _dual(pairs: Csr, penalty: float) -> Iterator[NDArray[np.floating]]:
    """Transposed blocks [b, N] of B, columns in order, from a factor [U, U] of XXᵀ + λI."""
    factor = _factor(sp.csr_matrix(pairs @ pairs.T), penalty)
    by_item = sp.csr_matrix(pairs.T.astype(factor.dtype))
    for start in range(0, pairs.shape[1], _COLUMNS):
        own = by_item[start : start + _COLUMNS].toarray().T
        solved, _ = lapack.get_lapack_funcs("potrs", (factor,))(factor, own, lower=1)
        block = np.ascontiguousarray((by_item @ solved).T)
        place = (np.arange(len(block)), np.arange(start, start + len(block)))
        left = 1 - block[place]
        block[place] = 0
        yield block / left[:, None]


def _factor(gram: Csr, penalty: float) -> NDArray[np.floating]:
    """Lower Cholesky factor of `gram` + `penalty` I, in place: one dense matrix at a time."""
    for kind in (np.float64,) if gram.shape[0] <= _SINGLE else (np.float32, np.float64):
        dense = _dense(gram, penalty, kind)
        factor, failed = lapack.get_lapack_funcs("potrf", (dense,))(dense, lower=1, overwrite_a=1)
        if not failed:
            return np.asarray(factor)
    raise UsageError(
        f"EASE with penalty {penalty} cannot be solved: the matrix is singular to the computer",
        code="singular",
        where="penalty",
        fix="raise the penalty",
    )


def _dense(gram: Csr, penalty: float, kind: type[np.floating]) -> NDArray[np.floating]:
    n = gram.shape[0]
    dense = np.zeros((n, n), dtype=kind, order="F")
    dense[np.repeat(np.arange(n), np.diff(gram.indptr)), gram.indices] = gram.data
    dense[np.diag_indices(n)] += penalty
    return dense


def _inverse(gram: Csr, penalty: float) -> NDArray[np.floating]:
    """Lower triangle of the inverse of `gram` + `penalty` I; above it stands something else."""
    factor = _factor(gram, penalty)
    inverse, _ = lapack.get_lapack_funcs("potri", (factor,))(factor, lower=1, overwrite_c=1)
    return np.asarray(inverse)


def _cut(matrix: Csr, count: int) -> Csr:
    """`matrix` without what is smaller than its value of rank `count`."""
    if matrix.nnz > count:
        size = np.abs(matrix.data)
        matrix.data[size < np.partition(size, matrix.nnz - count)[matrix.nnz - count]] = 0
        matrix.eliminate_zeros()
    return matrix
