"""Matrices row by row: unit length, means, and the largest values of each."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from muslin.types import Csr, Floats


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
    return ones if count == history.shape[1] else sp.csr_matrix(ones[:, :count])


def _like(matrix: Csr, data: NDArray[np.floating]) -> Csr:
    return sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


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
