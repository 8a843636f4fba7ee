"""The exact derivative of what is asked after the inner loop, by hand: `dual` read backwards, second order included.

One pass back over the steps that `dual.trace` kept. What the loss owes to the adapted parameters (`Owed`) is carried
from each step to the one before; each step adds what it owes through its own gradient, which is the second order. To
the first order the steps are constants: all is owed by the start.

Source: reverse accumulation through gradient descent (Maclaurin et al. 2015, ICML, section 2, without its reversible
arithmetic: the steps are few and their states small), for the loop of Finn et al. 2017 (ICML, "MAML").
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from muslin.adapt import point_losses
from muslin.adapt.dual import (
    First,
    Layers,
    State,
    Step,
    first,
    inner_product,
    outer_product,
    passed,
    times,
    trace,
)
from muslin.adapt.inner import Descent
from muslin.adapt.judges import Judge, Pointwise, value_and_slope
from muslin.adapt.tasks import Rows, Tasks
from muslin.types import Params


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How tasks learn and are judged.

    `step_weights` [N + 1]: weight of the query's loss before the first step and after each; None: only the last.
    `learn_rates`: find the gradient of the rates too. `judge`: of the query; None: as the support, row by row.
    """

    how: Descent = field(default_factory=Descent)
    layers: Layers = field(default_factory=Layers)
    step_weights: tuple[float, ...] | None = None
    learn_rates: bool = False
    judge: Judge | None = None

    @property
    def query(self) -> Judge:
        """How the query is judged."""
        return self.judge or Pointwise(self.how.loss)


_PLAN = Plan()


class Found(NamedTuple):
    """`loss` [], `scores` [T, Q] after the last step, and gradients.

    By parameter, by rate [N, 3], and by the inputs of `support` [T, S, D] and `query` [T, Q, D].
    """

    loss: Tensor
    scores: Tensor
    params: Params
    rates: Tensor
    support: Tensor
    query: Tensor


class Side:
    """Rows of one side with their first layer, and what is owed by that: `before` and `alike` as in `First`.

    Both are added up on the way back; `before` None: nothing yet.
    """

    def __init__(self, rows: Rows, known: First) -> None:
        self.rows, self.first = rows, known
        self.before: Tensor | None = None
        self.alike = None if known.alike is None else torch.zeros_like(known.alike)


class Owed:
    """Derivatives of the loss by a state, added up on the way back; changed in place.

    As in `State`, each with a leading T but `w2` once it is `settled`: from then on it is the sum over tasks.
    """

    def __init__(self, first: First) -> None:
        t, _, h = first.before.shape
        new = first.before.new_zeros
        self.shift: Tensor | None = None
        self.w2: Tensor | None = None
        self.b2, self.w3, self.b3 = new(t, h), new(t, h), new(t)
        self._settled = False

    def settle(self) -> None:
        """From here on nobody asks which task owes what by `w2`."""
        if self.w2 is not None and not self._settled:
            self.w2 = self.w2.sum(0)
        self._settled = True

    def add_w2(self, back_TMH: Tensor, hidden_TMH: Tensor, share: float = 1.0) -> None:
        """Add `share` of `back^T hidden`."""
        if self._settled:
            back, hidden = back_TMH.flatten(0, 1).T, hidden_TMH.flatten(0, 1)
            self.w2 = (back @ hidden).mul_(share) if self.w2 is None else self.w2.addmm_(back, hidden, alpha=share)
        elif self.w2 is None:
            self.w2 = torch.bmm(back_TMH.mT, hidden_TMH).mul_(share)
        else:
            self.w2.baddbmm_(back_TMH.mT, hidden_TMH, alpha=share)

    def add_first(self, back_TMH: Tensor, state: State, side: Side) -> None:
        """Add what is owed by what goes into the first layer of these rows, and by what the steps did to it."""
        side.before = back_TMH if side.before is None else side.before.add_(back_TMH)
        if state.shift is None or side.first.alike is None or side.alike is None:
            return
        side.alike.baddbmm_(back_TMH, state.shift.mT, alpha=-1)
        if self.shift is None:
            self.shift = torch.bmm(side.first.alike.mT, back_TMH).neg_()
        else:
            self.shift.baddbmm_(side.first.alike.mT, back_TMH, alpha=-1)


@torch.no_grad()
def value_and_gradients(params: Params, rates_N3: Tensor, tasks: Tasks, plan: Plan = _PLAN) -> Found:
    """The query's loss after adapting, and its gradients; equal to differentiating `outer.query_loss`.

    `params`: those of `network`; `rates_N3` as in `dual.trace`. The gradient of the rates is zero unless the plan wants
    it, and that of the support's inputs is zero to the first order.
    """
    found = trace(params, rates_N3, tasks.support, plan.how, plan.layers)
    told = Side(tasks.support, found.support)
    asked = Side(tasks.query, first(params, tasks.query.inputs, tasks.support.inputs, plan.layers))
    n, second = len(found.steps), not plan.how.first_order
    weights = plan.step_weights or (0.0,) * n + (1.0,)
    owed, rates = Owed(found.support), torch.zeros_like(rates_N3)
    if not plan.layers.second or not (second or plan.learn_rates):
        owed.settle()
    loss, scores = _ask(found.last, asked, plan.query, weights[n], owed)
    for at in reversed(range(n)):
        step, rate = found.steps[at], rates_N3[at].tolist()
        if plan.learn_rates:
            rates[at] = _owed_by_rates(step, plan.layers, owed)
        if second:
            _undo(step, rate, (told, plan), owed)
        if weights[at]:
            loss = loss + _ask(step.before, asked, plan.query, weights[at], owed)[0]
    return Found(loss, scores, _by_params(owed, [asked, told]), rates, *_by_inputs(params, told, asked))


def _ask(state: State, asked: Side, judge: Judge, share: float, owed: Owed) -> tuple[Tensor, Tensor]:
    """Loss and scores [T, Q] of the query by one state, and what that adds, by its share, to what is owed."""
    hidden1, hidden2, score = passed(state, asked.first)
    value, slope = value_and_slope(judge, score, asked.rows)
    slope.mul_(share)
    owed.w3 += torch.bmm(slope[:, None], hidden2).squeeze(1)
    owed.b3 += slope.sum(1)
    back2 = outer_product(slope, state.w3).mul_(hidden2.sign_())
    owed.b2 += back2.sum(1)
    owed.add_w2(back2, hidden1)
    owed.add_first(times(back2, state.w2).mul_(hidden1.sign_()), state, asked)
    return value * share, score


def _undo(step: Step, rate: Sequence[float], given: tuple[Side, Plan], owed: Owed) -> None:
    """Turn what is owed by the state after `step` into what is owed by the one before it."""
    told, plan = given
    state, w3 = step.before, step.before.w3 if step.before.w3.dim() == 1 else step.before.w3[:, None]
    back2, hidden1 = _through_gradient(step, rate, plan.layers, owed)
    back2.mul_(step.open2)
    slope = inner_product(back2, state.w3)
    hidden2 = None
    if plan.layers.third:
        slope.add_(inner_product(step.hidden2, owed.w3).add_(owed.b3[:, None]), alpha=-rate[2])
        hidden2 = outer_product(step.slope, owed.w3 * -rate[2])
    bend = point_losses.bend(plan.how.loss, step.score, told.rows.target)
    score = slope.mul_(bend).mul_(told.rows.weight)
    owed.w3 = torch.baddbmm(owed.w3[:, None], step.slope[:, None], back2).baddbmm_(score[:, None], step.hidden2)[:, 0]
    owed.b3 += score.sum(1)
    hidden2 = score[:, :, None] * w3 if hidden2 is None else hidden2.addcmul_(score[:, :, None], w3)
    hidden2.mul_(step.open2)
    owed.b2 += hidden2.sum(1)
    owed.add_w2(hidden2, step.hidden1)
    hidden1 = plus_times(hidden1, hidden2, state.w2)
    owed.add_first(hidden1.mul_(step.open1), state, told)


def _through_gradient(step: Step, rate: Sequence[float], layers: Layers, owed: Owed) -> tuple[Tensor, Tensor | None]:
    """What a step's own gradient owes by `back2` [T, S, H], before its ReLU, and by `hidden1` (None: nothing)."""
    back2, hidden1, w2 = None, None, step.before.w2
    if layers.second and owed.w2 is not None:
        by = -rate[1]
        back2 = torch.baddbmm(owed.b2[:, None], step.hidden1, owed.w2.mT, beta=by, alpha=by)
        hidden1 = torch.baddbmm(step.back2, step.back2, owed.w2, beta=0, alpha=by)
    if w2.dim() == 2:
        owed.settle()  # before the first step all tasks have the same `w2`
    if layers.first and owed.shift is not None:
        product = owed.shift * step.open1
        back2 = plus_times(back2, product, w2.mT, rate[0])
        owed.add_w2(step.back2, product, rate[0])
    return torch.zeros_like(step.hidden2) if back2 is None else back2, hidden1


def plus_times(base: Tensor | None, left_TSH: Tensor, weight: Tensor, share: float = 1.0) -> Tensor:
    """`base + share * left @ weight`, in place of `base` where there is one."""
    if base is None:
        return times(left_TSH, weight).mul_(share)
    if weight.dim() == 2:
        base.view(-1, base.shape[-1]).addmm_(left_TSH.flatten(0, 1), weight, alpha=share)
        return base
    return base.baddbmm_(left_TSH, weight, alpha=share)


def _owed_by_rates(step: Step, layers: Layers, owed: Owed) -> Tensor:
    """[3] derivative of the loss by the rates of one step, of what is owed by the state after it."""
    found = step.slope.new_zeros(3)
    if step.back1 is not None and owed.shift is not None:
        found[0] = (owed.shift * step.back1).sum()
    if layers.second and owed.w2 is not None:
        found[1] = -(torch.baddbmm(owed.b2[:, None], step.hidden1, owed.w2.mT) * step.back2).sum()
    if layers.third:
        found[2] = -((inner_product(step.hidden2, owed.w3) + owed.b3[:, None]) * step.slope).sum()
    return found


def _by_params(owed: Owed, sides: list[Side]) -> Params:
    owed.settle()
    assert owed.w2 is not None  # the query has added to it
    parts = [(s.before.flatten(0, 1), s.rows.inputs.flatten(0, 1)) for s in sides if s.before is not None]
    w1, b1 = parts[0][0].T @ parts[0][1], parts[0][0].sum(0)
    for before, inputs in parts[1:]:
        w1.addmm_(before.T, inputs)
        b1 += before.sum(0)
    return {"w1": w1, "b1": b1, "w2": owed.w2, "b2": owed.b2.sum(0), "w3": owed.w3.sum(0), "b3": owed.b3.sum()}


def _by_inputs(params: Params, told: Side, asked: Side) -> tuple[Tensor, Tensor]:
    """Gradients by the inputs: through the first layer at the start, and through how alike the rows are."""
    by_query, by_support = (
        torch.zeros_like(side.rows.inputs) if side.before is None else times(side.before, params["w1"])
        for side in (asked, told)
    )
    if asked.alike is not None:
        by_query.baddbmm_(asked.alike, told.rows.inputs)
    if told.before is not None and asked.alike is not None and told.alike is not None:
        by_support.baddbmm_(told.alike + told.alike.mT, told.rows.inputs)
        by_support.baddbmm_(asked.alike.mT, asked.rows.inputs)
    return by_support, by_query
