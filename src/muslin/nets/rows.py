"""Matrices row by row: unit length, means, and the largest values of each."""

from copy import copy

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from muslin.features.one_row import sum_of_rows
from muslin.types import Csr, Floats, Ints


def unit_rows(matrix: Csr) -> Csr:
    """Rows of the floating-point `matrix` [R, D] scaled to unit length; empty rows stay empty. The type stays."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    length = np.sqrt(np.bincount(row, np.square(matrix.data, dtype=np.float64), minlength=matrix.shape[0]))
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0).astype(matrix.dtype)
    return sp.csr_matrix((matrix.data * scale[row], matrix.indices, matrix.indptr), shape=matrix.shape)


def unit_vector(vector: Floats) -> Floats:
    """`vector` [D] float32 scaled to unit length as `unit_rows` does; zero stays zero."""
    length = np.sqrt(np.square(vector, dtype=np.float64).sum())
    return np.asarray(vector * np.float32(1.0 / length)) if length > 0 else vector


def row_means(history: Csr) -> Csr:
    """`history` [U, N] float32 with every event alike and rows that sum to one; empty rows stay empty."""
    counts = np.diff(history.indptr)
    share = np.repeat((1 / np.maximum(counts, 1)).astype(np.float32), counts)
    return _like(history, share * np.sign(history.data))


def by_column(matrix: Csr, weight: NDArray[np.floating]) -> Csr:
    """`matrix` [R, D], each column times its `weight` [D]."""
    return _like(matrix, matrix.data * weight[matrix.indices])


def taken(history: Csr, count: int) -> Csr:
    """[U, `count`] 1 where `history` [U, N] has an event with one of the first items."""
    ones = _like(history, np.sign(history.data))
    if count == history.shape[1]:
        return ones
    if history.shape[0] == 1 and not (history.indices >= count).any():
        return sp.csr_matrix((ones.data, ones.indices, ones.indptr), shape=(1, count))
    return sp.csr_matrix(ones[:, :count])


def product(history_UN: Csr, matrix_ND: Csr) -> Floats:
    """`history @ matrix` [U, D], dense; of one shopper without what SciPy does to find its shape."""
    if history_UN.shape[0] == 1:
        return sum_of_rows(matrix_ND, history_UN.indices, history_UN.data)[None]
    return np.asarray((history_UN @ matrix_ND).toarray())


def times(content_ND: Csr, right_DQ: Floats, *rows: Ints) -> list[Floats]:
    """`content[r] @ right` [rows, Q] for each of `rows`: of everything, and then picked, where most rows are wanted."""
    if PICKING * sum(map(len, rows)) < content_ND.shape[0]:
        return [np.asarray(content_ND[r] @ right_DQ) for r in rows]
    every = np.asarray(content_ND @ right_DQ)
    return [every[r] for r in rows]


PICKING = 4
"""Times longer that it takes to pick a sparse row and multiply it than to multiply it where it stands."""


def _like(matrix: Csr, data: NDArray[np.floating]) -> Csr:
    """`matrix` with other values; SciPy would check all of it again."""
    found = copy(matrix)
    found.data = data
    return found


def largest(values: NDArray[np.floating], count: int, *, size: NDArray[np.floating] | None = None) -> Csr:
    """The `count` values of each row of `values` [R, N] that are largest, or whose `size` [R, N] is; float32.

    Zeros are not stored.
    """
    count = min(count, values.shape[1])
    ranked = -(values if size is None else size)
    columns = np.sort(np.argpartition(ranked, count - 1, axis=1)[:, :count], axis=1)
    kept = np.take_along_axis(values, columns, axis=1).astype(np.float32)
    starts = np.arange(0, kept.size + 1, count)
    found = sp.csr_matrix((kept.ravel(), columns.ravel().astype(np.int32), starts), shape=values.shape)
    found.eliminate_zeros()
    return found
