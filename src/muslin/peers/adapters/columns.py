"""Features in the shapes that peers take: chosen columns, an identity beside them, or a few dense numbers."""

from collections.abc import Callable, Collection

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from .contract import Csr, Floats, Side

NAMED = ("categorical", "multi", "numeric", "date")
"""Kinds of columns whose values can be named."""
ALL = (*NAMED, "hashed", "text")
"""Every kind of sparse column."""


def content(side: Side, kinds: Collection[str]) -> Csr:
    """[rows, D] columns of those kinds."""
    kept = [np.arange(start, stop) for _, kind, start, stop in side.blocks if kind in kinds]
    return side.matrix[:, np.concatenate([np.empty(0, dtype=np.int64), *kept])]


def with_identity(known: np.ndarray, features: Csr) -> Csr:
    """[rows, rows + D]: a column of its own for every `known` row, beside `features`; each row sums to one.

    A row that was not trained on has no column of its own: it would only bring the random start.
    """
    beside = sp.hstack([sp.diags_array(known.astype(np.float32)), features], format="csr", dtype=np.float32)
    return unit_sum(sp.csr_matrix(beside))


def unit_sum(matrix: Csr) -> Csr:
    """Rows divided by the sum of their absolute values; empty ones stay empty."""
    sums = np.asarray(abs(matrix).sum(axis=1)).ravel()
    return sp.csr_matrix(sp.diags_array((1 / np.where(sums > 0, sums, 1)).astype(np.float32)) @ matrix)


def dense(side: Side, fitted: np.ndarray, width: int, seed: int, embeddings: bool = True) -> Floats:
    """[rows, at most width + all embedding widths]: the sparse columns as `width` numbers, and the embeddings."""
    parts = [reduction(side.matrix[np.flatnonzero(fitted)], width, seed)(side.matrix)]
    if embeddings:
        parts += [vectors / _length(vectors[fitted]) for vectors in side.dense.values()]
    return np.ascontiguousarray(np.hstack(parts), dtype=np.float32)


def reduction(fitted: Csr, width: int, seed: int) -> Callable[[Csr], Floats]:
    """Rows as at most `width` numbers: their coordinates on the leading right singular vectors of `fitted`.

    Scaled so that the fitted rows have a mean square length of one.
    """
    k = min(width, min(fitted.shape) - 1)
    if fitted.shape[1] <= width or k < 1:
        right = np.eye(fitted.shape[1])
    else:
        start = np.random.default_rng(seed).standard_normal(min(fitted.shape))
        right = svds(fitted.astype(np.float64), k=k, v0=start)[2][::-1].T
    scale = _length(fitted @ right)
    return lambda rows: np.asarray(rows @ right / scale, dtype=np.float32)


def _length(rows: Floats) -> float:
    """Root mean square length of rows; one where all are empty."""
    return float(np.sqrt((rows**2).sum() / max(1, len(rows)))) or 1.0
