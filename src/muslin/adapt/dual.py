"""The inner loop of the decision network by hand, for all tasks at once and without a weight matrix of the first layer.

A step takes from the first layer's weights `rate * back^T rows`, a matrix of rank S. What the layer says of any row r
is therefore known from how alike r and the support rows are, and never needs the task's own [H, D] matrix:

    r W1'^T = r W1^T - (r rows^T) A,   A = sum over steps of rate * back     (`shift` below, [T, S, H])

so each step costs products of S x S x H in place of S x D x H, and the large products with W1 are made once for all
tasks and steps. The bias of the layer moves as one more input that is always 1. The second and third layer are small:
each task has its own.

Source: the loop is that of `inner`; the form is the dual of gradient descent in a linear layer (Irie et al. 2022, ICML,
"The dual form of neural networks revisited", section 3). Differs: kept differentiable, by hand (`dual_gradient`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from muslin.adapt import point_losses
from muslin.adapt.inner import Descent
from muslin.adapt.tasks import Rows, Tasks
from muslin.types import Params


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Which layers of the decision network a task adapts."""

    first: bool = True
    second: bool = True
    third: bool = True


class State(NamedTuple):
    """What a task has made of the network: `shift` [T, S, H], `w2` [T, H, H], `b2` [T, H], `w3` [T, H], `b3` [T].

    Before the first step, and for layers that stay: no shift (None), and no leading T.
    """

    shift: Tensor | None
    w2: Tensor
    b2: Tensor
    w3: Tensor
    b3: Tensor


class Step(NamedTuple):
    """What one step saw of the support.

    `before`: the state it started from. `hidden1`, `hidden2` [T, S, H], `open1`, `open2` [T, S, H] 1 where a ReLU let
    through, else 0. `score`, `slope` [T, S], and `back1`, `back2` [T, S, H], derivatives of the loss by what goes into
    each ReLU (`back1` None: the layer stays).
    """

    before: State
    hidden1: Tensor
    hidden2: Tensor
    open1: Tensor
    open2: Tensor
    score: Tensor
    slope: Tensor
    back1: Tensor | None
    back2: Tensor


class First(NamedTuple):
    """The first layer at the start, for M rows of each task.

    `before` [T, M, H] what goes into its ReLU, `alike` [T, M, S] how alike the rows are to those of the support (None:
    the layer stays, so nobody asks).
    """

    before: Tensor
    alike: Tensor | None


class Trace(NamedTuple):
    """All steps, the `last` state, and the first layer of the support."""

    steps: list[Step]
    last: State
    support: First


@torch.no_grad()
def trace(params: Params, rates_N3: Tensor, support: Rows, how: Descent, layers: Layers) -> Trace:
    """The N inner steps of all tasks. `rates_N3`: one rate a step and layer, for weight and bias alike."""
    own = first(params, support.inputs, support.inputs, layers)
    state = State(None, params["w2"], params["b2"], params["w3"], params["b3"])
    steps = []
    for rate in rates_N3.tolist():
        step = _seen(state, own, support, how, layers)
        steps.append(step)
        state = _moved(step, state, rate, layers)
    return Trace(steps, state, own)


@torch.no_grad()
def first(params: Params, inputs_TMD: Tensor, support_TSD: Tensor, layers: Layers) -> First:
    """The first layer of M rows of each task, before any step."""
    t, m, d = inputs_TMD.shape
    before = torch.addmm(params["b1"], inputs_TMD.reshape(t * m, d), params["w1"].T).view(t, m, len(params["w1"]))
    if not layers.first:
        return First(before, None)
    return First(before, torch.bmm(inputs_TMD, support_TSD.mT).add_(1))


def passed(state: State, rows: First) -> tuple[Tensor, Tensor, Tensor]:
    """Both hidden layers [T, M, H] and the scores [T, M] of M rows of each task."""
    if state.shift is None or rows.alike is None:
        hidden1 = rows.before.relu()
    else:
        hidden1 = torch.baddbmm(rows.before, rows.alike, state.shift, alpha=-1).relu_()
    hidden2 = _linear(hidden1, state.w2, state.b2).relu_()
    return hidden1, hidden2, inner_product(hidden2, state.w3).add_(state.b3.reshape(-1, 1))


@torch.no_grad()
def scores(params: Params, found: Trace, tasks: Tasks, layers: Layers) -> Tensor:
    """[T, Q] scores of the query rows after the last step."""
    return passed(found.last, first(params, tasks.query.inputs, tasks.support.inputs, layers))[2]


@torch.no_grad()
def displacement(params: Params, found: Trace, support: Rows, task_weight_T: Tensor) -> Params:
    """Sum over tasks, by `task_weight_T`, of the start minus where the steps led, by parameter name (Reptile)."""
    last, weight = found.last, task_weight_T
    moved: Params = {}
    if last.shift is not None:
        shift = last.shift * weight[:, None, None]
        moved |= {"w1": shift.flatten(0, 1).T @ support.inputs.flatten(0, 1), "b1": shift.sum((0, 1))}
    for name, own in (("w2", last.w2), ("b2", last.b2), ("w3", last.w3), ("b3", last.b3)):
        if own.dim() > params[name].dim():
            mean = (weight @ own.reshape(len(own), -1)).view_as(params[name])
            moved[name] = params[name] * weight.sum() - mean
    return moved


def times(left_TSH: Tensor, weight: Tensor) -> Tensor:
    """`left @ weight`, the weight being one for all [H, H] or one a task [T, H, H]."""
    if weight.dim() == 2:
        t, s, h = left_TSH.shape
        return (left_TSH.reshape(t * s, h) @ weight).view(t, s, weight.shape[1])
    return torch.bmm(left_TSH, weight)


def outer_product(left_TS: Tensor, right: Tensor) -> Tensor:
    """[T, S, H] of [T, S] and one vector for all [H] or one a task [T, H]."""
    return left_TS[:, :, None] * (right if right.dim() == 1 else right[:, None])


def inner_product(left_TSH: Tensor, right: Tensor) -> Tensor:
    """[T, S] of [T, S, H] and one vector for all [H] or one a task [T, H]."""
    return (left_TSH * (right if right.dim() == 1 else right[:, None])).sum(2)


def _seen(state: State, own: First, support: Rows, how: Descent, layers: Layers) -> Step:
    """The gradient of the support's loss, in parts, and what the way back needs to know of it."""
    hidden1, hidden2, score = passed(state, own)
    open1, open2 = hidden1.sign(), hidden2.sign()
    slope = point_losses.slope(how.loss, score, support.target).mul_(support.weight)
    back2 = outer_product(slope, state.w3).mul_(open2)
    back1 = times(back2, state.w2).mul_(open1) if layers.first else None
    return Step(state, hidden1, hidden2, open1, open2, score, slope, back1, back2)


def _linear(rows_TMH: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if weight.dim() == 2:
        t, m, h = rows_TMH.shape
        return torch.addmm(bias, rows_TMH.reshape(t * m, h), weight.T).view(t, m, len(weight))
    return torch.baddbmm(bias[:, None], rows_TMH, weight.mT)


def _moved(step: Step, state: State, rate: Sequence[float], layers: Layers) -> State:
    """The state after one step at these rates of the three layers."""
    shift, w2, b2, w3, b3 = state
    if step.back1 is not None:
        shift = step.back1 * rate[0] if shift is None else torch.add(shift, step.back1, alpha=rate[0])
    if layers.second:
        w2 = torch.baddbmm(w2, step.back2.mT, step.hidden1, alpha=-rate[1])
        b2 = torch.sub(b2, step.back2.sum(1), alpha=rate[1])
    if layers.third:
        gain = torch.bmm(step.slope[:, None], step.hidden2).squeeze(1)
        w3 = torch.sub(w3, gain, alpha=rate[2])
        b3 = torch.sub(b3, step.slope.sum(1), alpha=rate[2])
    return State(shift, w2, b2, w3, b3)
