"""What every method that goes down the gradient of a loss over batches of pairs needs."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from muslin.types import Params, TrainData

B = TypeVar("B")
STEPS = 32
"""Steps of an epoch at least: a small shop gets smaller batches."""


def gradients(
    loss: Callable[[Params, B], Tensor], params: Params, batch: B, fixed: frozenset[str]
) -> tuple[Params, dict[str, float]]:
    """What `Trainable.step` returns: gradients of `loss(params, batch)` by all parameters but the `fixed` ones."""
    leaves = {n: p.detach().requires_grad_() for n, p in params.items() if n not in fixed}
    value = loss({**params, **leaves}, batch)
    found = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
    return dict(zip(leaves, found, strict=True)), {"loss": value.item()}


def batch_size(data: TrainData, most: int) -> int:
    """Pairs in a batch: `most`, or fewer where that would make too few steps of an epoch."""
    asked = len(data.events) if data.wanted is None else int(data.wanted[data.events.item].sum())
    return min(most, max(16, asked // STEPS))
