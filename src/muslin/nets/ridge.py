"""Ridge regression on sparse content, by conjugate gradients for all targets at once.

Source: Hestenes and Stiefel 1952, with the diagonal as preconditioner (Saad 2003, section 9.2). Differs: a step length
for each target column, so that one product with the content serves all of them.
"""

import numpy as np
from numpy.typing import NDArray

from muslin.types import Csr

Doubles = NDArray[np.float64]


def solved(content: Csr, target: Doubles, weight: Doubles, penalty: float, start: Doubles, steps: int) -> Doubles:
    """Map W [D, K] towards the least Σ_rows weight |target - content W|² + penalty |W|², from `start`.

    `content` [N, D], `target` [N, K], `weight` [N]. Ends after `steps` products, or when nothing is left to gain.
    """
    scaled = content.multiply(weight[:, None]).tocsr()
    diagonal = np.asarray(scaled.multiply(content).sum(axis=0)).ravel() + penalty
    found = start.copy()
    residual = scaled.T @ (target - content @ found) - penalty * found
    ready = residual / diagonal[:, None]
    direction, product = ready.copy(), np.einsum("dk,dk->k", residual, ready)
    enough = 1e-20 * product.max(initial=0.0)
    for _ in range(steps):
        if product.max(initial=0.0) <= enough:
            break
        image = scaled.T @ (content @ direction) + penalty * direction
        length = _ratio(product, np.einsum("dk,dk->k", direction, image))
        found += length * direction
        residual -= length * image
        ready = residual / diagonal[:, None]
        before, product = product, np.einsum("dk,dk->k", residual, ready)
        direction = ready + _ratio(product, before) * direction
    return found


def _ratio(above: Doubles, below: Doubles) -> Doubles:
    ratio: Doubles = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return ratio
