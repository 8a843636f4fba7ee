"""The closed form on the decision network's trunk, with its gradient by hand: about as dear as learning without tasks.

With a = M⁻¹ r the support's coefficients and g = M⁻¹ (what the loss owes them), all that the k x k solve adds to the
way back is one more solve by the same Cholesky factor, and two outer products: what the features owe has rank two.

Source: the model is that of `posterior`; the derivative of a linear solve, Giles 2008 ("Collected matrix derivative
results", section 2.3). Differs: never forms the derivative of the kernel.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from muslin.adapt import posterior
from muslin.adapt.dual import inner_product, outer_product
from muslin.adapt.judges import Judge, Pointwise, value_and_slope
from muslin.adapt.posterior import Posterior
from muslin.adapt.tasks import Rows, Tasks
from muslin.types import Params

_SQUARED = Pointwise("squared")


class Found(NamedTuple):
    """`loss` [], `scores` [T, Q] expected after the support, and gradients.

    By parameter, by the inputs of `support` [T, S, D] and `query` [T, Q, D], and by the `target` [T, S] of the support.
    """

    loss: Tensor
    scores: Tensor
    params: Params
    support: Tensor
    query: Tensor
    target: Tensor


class Seen(NamedTuple):
    """Inputs [R, D], and both hidden layers of them [R, H]."""

    inputs: Tensor
    hidden1: Tensor
    hidden2: Tensor


class Owed(NamedTuple):
    """What the loss owes by the head, by name, by the features [T, S, H] and [T, Q, H], and by the targets [T, S]."""

    head: Params
    support: Tensor
    query: Tensor
    target: Tensor


@torch.no_grad()
def value_and_gradients(params: Params, tasks: Tasks, judge: Judge = _SQUARED) -> Found:
    """The query's loss by the mean of each task's posterior, and its gradients.

    `params`: `w1`, `b1`, `w2`, `b2` of `network` and the head's of `posterior.start`.
    """
    told, asked = (seen(params, rows.inputs.flatten(0, 1)) for rows in tasks)
    features = Tasks(*(_features(side, rows) for side, rows in zip((told, asked), tasks, strict=True)))
    value, score, owed = head(params, features, judge)
    by_told, back1 = through(params, told, owed.support.flatten(0, 1))
    by_asked, back2 = through(params, asked, owed.query.flatten(0, 1))
    grads = owed.head | {name: grad.add_(back2[name]) for name, grad in back1.items()}
    by_told, by_asked = by_told.view_as(tasks.support.inputs), by_asked.view_as(tasks.query.inputs)
    return Found(value, score, grads, by_told, by_asked, owed.target)


def seen(params: Params, inputs_RD: Tensor) -> Seen:
    """What the trunk makes of rows."""
    hidden1 = torch.addmm(params["b1"], inputs_RD, params["w1"].T).relu_()
    return Seen(inputs_RD, hidden1, torch.addmm(params["b2"], hidden1, params["w2"].T).relu_())


def head(params: Params, features: Tasks, judge: Judge) -> tuple[Tensor, Tensor, Owed]:
    """Loss and scores [T, Q] of the query from features [T, M, H], and what the loss owes."""
    known = posterior.posterior(params, features.support)
    score = posterior.mean(known, features.query.inputs)
    value, slope = value_and_slope(judge, score, features.query)
    return value, score, _through_solve(params, known, features, slope)


def through(params: Params, side: Seen, by_features_RH: Tensor, out: Tensor | None = None) -> tuple[Tensor, Params]:
    """Gradients by the inputs [R, D] and by the trunk's parameters; spoils `side` and `by_features`.

    `out`: where those by the inputs go, the inputs' own place for instance.
    """
    back2 = by_features_RH.mul_(side.hidden2.sign_())
    grads = {"w2": back2.T @ side.hidden1, "b2": back2.sum(0)}
    back1 = (back2 @ params["w2"]).mul_(side.hidden1.sign_())
    grads |= {"w1": back1.T @ side.inputs, "b1": back1.sum(0)}
    return torch.mm(back1, params["w1"], out=out), grads


def _features(side: Seen, rows: Rows) -> Rows:
    return rows._replace(inputs=side.hidden2.view(*rows.weight.shape, side.hidden2.shape[1]))


def _through_solve(params: Params, known: Posterior, features: Tasks, slope_TQ: Tensor) -> Owed:
    """Back from the query's scores through the posterior."""
    told, asked, a = features.support, features.query.inputs, known.coefficients
    spread, spread_bias = params["log_variance"].exp(), params["log_bias_variance"].exp()
    by_weight, by_bias = torch.bmm(slope_TQ[:, None], asked).squeeze(1), slope_TQ.sum(1)
    by_a = (inner_product(told.inputs, by_weight) * spread).add_(by_bias[:, None] * spread_bias)
    solved = torch.cholesky_solve((known.scale * by_a)[:, :, None], known.root).squeeze(2)
    g = known.scale * solved
    along_a, along_g = torch.bmm(torch.stack([a, g], 1), told.inputs).unbind(1)
    left = by_weight - along_g
    left_bias = by_bias - g.sum(1)
    by_told = outer_product(a, left * spread).sub_(outer_product(g, known.weight))
    told_noise = _unscaled(a, known.scale) * solved
    by_head = {
        "mean": left.sum(0),
        "mean_bias": left_bias.sum(),
        "log_variance": spread * (left * along_a).sum(),
        "log_bias_variance": spread_bias * (left_bias * a.sum(1)).sum(),
        "log_noise": -told_noise.sum(),
    }
    return Owed(by_head, by_told, outer_product(slope_TQ, known.weight), g)


def _unscaled(a: Tensor, scale: Tensor) -> Tensor:
    return a / torch.where(scale > 0, scale, torch.ones_like(scale))
