"""A linear map from content to anything known of the trained items, by ridge regression on their main directions.

With C the trained items' content and V its first R right singular vectors, an item is F = [C V, embeddings], and the
map of any target T [N, ...] is (FᵀF + μI)⁻¹FᵀT: it is stored without the target, which may be as wide as it likes.

Source: ridge regression on principal components, Hoerl and Kennard 1970 with Massy 1965; the singular vectors by
Halko, Martinsson and Tropp 2011 (SIAM Review), algorithm 4.4, as scikit-learn has it.
Differs: columns count by their learned weights (`nets.blend`).
"""

import numpy as np
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd

from muslin.nets import blend
from muslin.random import stream
from muslin.types import Csr, Floats

_ROUNDS = 2
"""Power iterations of the singular vectors."""


def weighted(items: blend.Columns, weights: blend.Weights) -> tuple[Csr, Floats]:
    """Content [N, D] and embeddings [N, E] whose inner products are the blended cosines; about of unit length."""
    share = np.sqrt(weights.weight / max(float(weights.weight.sum()), 1e-12)).astype(np.float32)
    content = sp.csr_matrix(items.content @ sp.diags_array(share[: items.n_blocks][items.owner]))
    dense = [s * d for s, d in zip(share[items.n_blocks :], items.dense, strict=True)]
    return content, np.concatenate([np.zeros((content.shape[0], 0), dtype=np.float32), *dense], axis=1)


def directions(content: Csr, count: int, seed: int) -> Floats:
    """[D, R] the first `count` right singular vectors of `content` [N, D], or as many as there are."""
    count = min(count, *content.shape)
    if count == 0 or not content.nnz:
        return np.zeros((content.shape[1], 0), dtype=np.float32)
    state = int(stream(seed, "directions").integers(2**31))
    _, _, rows = randomized_svd(content, count, n_iter=_ROUNDS, random_state=state)
    return np.ascontiguousarray(rows.T, dtype=np.float32)


def seen(content: Csr, dense: Floats, basis: Floats) -> Floats:
    """F [N, R + E]."""
    found: Floats = np.concatenate([content @ basis, dense], axis=1)
    return found


def inverse(trained: Floats, penalty: float) -> Floats:
    """(FᵀF + μI)⁻¹Fᵀ [R + E, N]: times a target, the map; `penalty` is μ > 0."""
    left = trained.T.astype(np.float64) @ trained + penalty * np.eye(trained.shape[1])
    solved: Floats = np.linalg.solve(left, trained.T.astype(np.float64)).astype(np.float32)
    return solved
