"""How much each weight mattered to the source: the diagonal of the empirical Fisher information.

Source: Kirkpatrick et al. 2017 (PNAS 114(13)), section 2.1; used in L2-SP by Li et al. 2018 (arXiv 1802.01483),
section 3.1. Differs: squares of the gradients of batches, not of single pairs, which for independent pairs are the same
up to a factor; and scaled to a mean of 1 over all weights, so that lambda means the same with and without it.
"""

from collections.abc import Iterable
from typing import Any

import torch

from muslin.method import Trainable
from muslin.types import Params


def information(method: Trainable, params: Params, batches: Iterable[Any]) -> Params:
    """Mean squared gradient of each trained parameter over `batches`, divided by the mean over all weights.

    Ones where nothing has any slope.
    """
    total: Params = {}
    for batch in batches:
        grads, _ = method.step(params, batch)
        for name, grad in grads.items():
            total[name] = total[name] + grad.square() if name in total else grad.square()
    weights = sum(value.numel() for value in total.values())
    mean = sum(float(value.double().sum()) for value in total.values()) / max(weights, 1)
    return {name: value / mean if mean else torch.ones_like(value) for name, value in total.items()}
