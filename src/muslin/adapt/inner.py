"""The inner loop: a few steps down the gradient of a task's support, differentiable to any order, by torch.func.

The reference that faster forms are held to (`dual_gradient`), and the only form for anything but the decision network
or with a rate of its own for each weight. Nothing is changed in place, so the second order is never lost on the way.

Source: Finn et al. 2017 (ICML, "MAML"), algorithm 1; its first-order form, section 5.2. Differs: weighted rows, so
tasks of different length share a batch and a task without support keeps the prior; rates by name (`select`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from muslin.adapt import network, point_losses
from muslin.adapt.point_losses import LossName
from muslin.adapt.select import step_rate
from muslin.adapt.tasks import Rows
from muslin.types import Params

Predict: TypeAlias = Callable[[Params, Tensor], Tensor]
"""Scores [M] of the rows [M, D] of one task."""


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How a task is learned: the loss of a row, and whether the step's own derivative counts (second order)."""

    loss: LossName = "squared"
    first_order: bool = False


def loss(params: Params, rows: Rows, how: Descent, predict: Predict = network.scores) -> Tensor:
    """Weighted sum of losses, a scalar, of one task's `rows` ([M, D], [M], [M])."""
    return (rows.weight * point_losses.value(how.loss, predict(params, rows.inputs), rows.target)).sum()


def path(
    params: Params, rates: Mapping[str, Tensor], rows: Rows, how: Descent, predict: Predict = network.scores
) -> list[Params]:
    """All parameters of one task before the first step and after each: N + 1 dictionaries.

    `rows` are the task's support, without the leading T. Only what has a rate moves.
    """
    gradient = torch.func.grad(lambda moved, kept: loss({**kept, **moved}, rows, how, predict))
    found = [dict(params)]
    for step in range(_steps(rates)):
        now = found[-1]
        grads = gradient({name: now[name] for name in rates}, now)
        if how.first_order:
            grads = {name: g.detach() for name, g in grads.items()}
        moved = {name: now[name] - step_rate(rates, name, step, now[name]) * grads[name] for name in rates}
        found.append({**now, **moved})
    return found


def paths(
    params: Params, rates: Mapping[str, Tensor], support: Rows, how: Descent, predict: Predict = network.scores
) -> list[Params]:
    """`path` of T tasks at once: what moves gets a leading T, what does not stays as it is."""

    def moving(inputs: Tensor, target: Tensor, weight: Tensor) -> list[Params]:
        found = path(params, rates, Rows(inputs, target, weight), how, predict)
        return [{name: at[name] for name in rates} for at in found]

    moved = torch.func.vmap(moving)(*support)
    return [{**params, **at} for at in moved]


def adapted(
    params: Params, rates: Mapping[str, Tensor], support: Rows, how: Descent, predict: Predict = network.scores
) -> Params:
    """Parameters of T tasks after the last step: what moves has a leading T."""
    return paths(params, rates, support, how, predict)[-1]


def score(params: Params, rates: Mapping[str, Tensor], inputs_TMD: Tensor, predict: Predict = network.scores) -> Tensor:
    """[T, M] scores of each task's own rows by its own parameters, as `adapted` with these `rates` gives them."""
    places = {name: 0 if name in rates else None for name in params}
    found: Tensor = torch.func.vmap(predict, in_dims=(places, 0))(params, inputs_TMD)
    return found


def _steps(rates: Mapping[str, Tensor]) -> int:
    lengths = {len(rate) for rate in rates.values()}
    if len(lengths) > 1:
        raise ValueError(f"rates for different numbers of steps: {sorted(lengths)}")
    return lengths.pop() if lengths else 0
