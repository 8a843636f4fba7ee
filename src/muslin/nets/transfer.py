"""Regularisers of transfer: `min L(f_T) + lambda * R(f_T, f_S)`, as gradients to be added to those of L.

Source: L2-SP of Li, Grandvalet and Davoine 2018 (arXiv 1802.01483), equation 2: R = |w - w0|^2 / 2 over the parameters
that came from the source. Differs: parameters that are new to the target get no penalty of their own; with `strength`
infinite they are held exactly, since no finite step size of Adam would hold them.
"""

import math
from collections.abc import Collection

from muslin.types import Params


def pull(params: Params, start: Params, strength: float) -> Params:
    """Gradient of `strength * R(params, start)` for each tensor of `start`; zeros for an infinite strength.

    Zeros because what is infinitely strong leaves nothing to be pulled back: see `moving`.
    """
    if not strength or math.isinf(strength):
        return {name: params[name].new_zeros(params[name].shape) for name in start}
    return {name: strength * (params[name] - begun) for name, begun in start.items()}


def penalty(params: Params, start: Params, strength: float) -> float:
    """`strength * R(params, start)`; 0 times infinity is 0."""
    distance = sum(float((params[name] - begun).double().square().sum()) for name, begun in start.items())
    return strength * distance / 2 if distance else 0.0


def moving(names: Collection[str], strength: float) -> tuple[str, ...]:
    """Which of the source's parameters `names` may move at all: none under an infinite strength."""
    return () if math.isinf(strength) else tuple(names)
