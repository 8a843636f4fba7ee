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
    counts = np.maximum(np.diff(history.indptr), 1)
    return sp.csr_matrix(sp.diags_array((1 / counts).astype(np.float32)) @ history.sign())


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
