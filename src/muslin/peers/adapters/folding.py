"""Vectors for shoppers that a factor model was not trained on, where its library has no way of its own.

A ridge regression, fitted on the trained shoppers, from what their history and profile amount to in the space of item
vectors to the vector that training gave them. Ours, and said so wherever it is used: the library would train again.
"""

from collections.abc import Callable

import numpy as np

from .contract import Csr, Floats


def fold_in(trained: Floats, items: Floats, history: Csr, profile: Floats, penalty: float = 10.0) -> "Fold":
    """How vectors [M, K] follow from `history` [M, N] of items [N, K] and from `profile` [M, K]."""
    known = _inputs(items, history, profile)
    gram = known.T @ known + penalty * np.eye(known.shape[1])
    weights = np.linalg.solve(gram, known.T @ trained.astype(np.float64))

    def fold(history: Csr, profile: Floats) -> Floats:
        return np.asarray(_inputs(items, history, profile) @ weights, dtype=np.float32)

    return fold


Fold = Callable[[Csr, Floats], Floats]
"""Vectors [U, K] from history [U, N] and profile [U, K]."""


def _inputs(items: Floats, history: Csr, profile: Floats) -> np.ndarray:
    """[U, 2 K + 1]: sum of item vectors over the root of their number, profile, and a constant."""
    number = np.maximum(1, np.diff(history.indptr))
    summed = (history.sign() @ items) / np.sqrt(number)[:, None]
    return np.hstack([summed, profile, np.ones((len(summed), 1))]).astype(np.float64)
