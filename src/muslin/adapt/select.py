"""Which parameters an inner loop moves, and how fast: rates by parameter name. What has no rate stays.

A rate is [N] for N steps, or [N, ...] of the parameter's own shape after that (Meta-SGD); the rates are themselves
parameters that can be learned.
Source: Raghu et al. 2020 (ICLR, "ANIL"), section 4, for moving the last layer only; Li et al. 2017 ("Meta-SGD"),
section 3, for one rate a weight; Antoniou et al. 2019 (ICLR, "MAML++"), section 4, for one a layer and step.
"""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from muslin.errors import UsageError, nearest
from muslin.types import Params


def constant(names: Collection[str], steps: int, rate: float) -> Params:
    """One rate for all `names` and steps: [N] each."""
    return {name: torch.full((steps,), rate) for name in sorted(names)}


def per_weight(params: Params, names: Collection[str], steps: int, rate: float) -> Params:
    """One rate a weight and step: [N, ...] each."""
    for name in names:
        if name not in params:
            raise UsageError(f"no parameter {name!r}", code="unknown_parameter", fix=nearest(name, params))
    return {name: torch.full((steps, *params[name].shape), rate) for name in sorted(names)}


def step_rate(rates: Mapping[str, Tensor], name: str, step: int, like: Tensor) -> Tensor:
    """The rate of parameter `name`, of the shape of `like` or one for all of it, at `step`."""
    rate = rates[name][step]
    return rate if rate.dim() else rate.reshape((1,) * like.dim())
