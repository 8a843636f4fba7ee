"""Bayes' rule in place of steps: a linear head on a learned trunk, its posterior given the events in closed form.

How far an entity with few events departs from what everybody's head says is a matter of variances, which are learned
with the trunk through the posterior; the k x k system of k events costs less than one step of gradient descent.

Source: Bertinetto et al. 2019 (ICLR, "Meta-learning with differentiable closed-form solvers", R2-D2), section 3.2,
equations 5 and 6; Harrison, Sharma and Pavone 2018 (WAFR, "ALPaCA"), section 4.
Differs: see `adapt.posterior`; what an event is worth, taken or not, is learned in the units of the scores; a query is
judged as a choice among garments.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from muslin.adapt import network, posterior, posterior_gradient, rule
from muslin.adapt.judges import Judge
from muslin.adapt.layouts import Layout
from muslin.adapt.learner import MetaLearner
from muslin.adapt.rule import Direction, Told
from muslin.adapt.tasks import Rows, Tasks
from muslin.method import Count, NotNegative, Positive, Schedule
from muslin.types import Params

_TRUNK = ("w1", "b1", "w2", "b2")
_HEAD = {"mean": "w3", "mean_bias": "b3"}
_TEMPER = 50.0
"""What a unit of a variance's parameter counts, on a logarithmic scale."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    hidden: Count = 32
    """Units of either hidden layer; the head has as many weights."""
    variance: Positive = 0.01
    """Prior variance of a weight of the head, beside a noise of `noise`, before it is learned."""
    noise: Positive = 10.0
    """Variance of what an event says before it is learned."""
    epochs: Count = 12
    """Passes over the tasks at most."""
    learning_rate: Positive = 0.001
    """Adam's step size."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay."""
    patience: Count = 2
    """Epochs without a better validation score before stopping."""


@dataclass(frozen=True, kw_only=True)
class Closed:
    """The rule."""

    hidden: int
    variance: float
    noise: float
    layout: Layout = "crossed"
    exact: bool = True

    def start(self, inputs: int, seed: int) -> Params:
        """`w1` to `b3`, the prior's mean being `w3` and `b3`; `spread/ENTITY` [3]; `worth/ENTITY` [2].

        `spread`: logarithms of the variances of weights, bias and noise. `worth`: scores that an event for and against
        an entity would be known to mean, beyond doubt.
        """
        params = rule.start(self.layout, inputs, self.hidden, seed)
        spread = torch.tensor([self.variance, self.variance, self.noise]).log() / _TEMPER
        worth = torch.tensor([6.0, -3.0]) / _TEMPER
        for entity in ("garments", "shoppers"):
            params |= {f"spread/{entity}": spread.clone(), f"worth/{entity}": worth.clone()}
        return params

    def direction(self, params: Params, tasks: Tasks, judge: Judge, told: Told) -> Direction:
        """The gradient of the query's loss by the posterior's mean."""
        support = self._support(params, tasks.support, told)
        found = posterior_gradient.value_and_gradients(self._head(params, told), Tasks(support, tasks.query), judge)
        grads = {name: found.params[name] for name in _TRUNK}
        grads |= {own: found.params[name] for name, own in _HEAD.items()}
        logs = ("log_variance", "log_bias_variance", "log_noise")
        if told.k:
            wanted = tasks.support.target
            by_worth = torch.stack([(found.target * wanted).sum(), (found.target * (1 - wanted)).sum()])
            grads[f"spread/{told.entity}"] = torch.stack([found.params[name] for name in logs]) * _TEMPER
            grads[f"worth/{told.entity}"] = by_worth * _TEMPER
        return Direction(found.loss, grads, found.support, found.query)

    def prior(self, params: Params) -> Params:
        """The head before any event."""
        return {name: params[name] for name in network.NAMES}

    def adapted(self, params: Params, support: Rows, told: Told) -> Params:
        """The posterior's mean as last layer."""
        head, rows = self._head(params, told), self._support(params, support, told)
        known = posterior.posterior(head, rows._replace(inputs=network.trunk(params, rows.inputs)))
        return self.prior(params) | {"w3": known.weight, "b3": known.bias}

    def _head(self, params: Params, told: Told) -> Params:
        spread = params[f"spread/{told.entity}"] * _TEMPER
        logs = {"log_variance": spread[0], "log_bias_variance": spread[1], "log_noise": spread[2]}
        return {name: params[name] for name in _TRUNK} | {n: params[own] for n, own in _HEAD.items()} | logs

    def _support(self, params: Params, rows: Rows, told: Told) -> Rows:
        """What the rows say in scores. Weights sum to one a task; here k events count as k."""
        worth: Tensor = params[f"worth/{told.entity}"] * _TEMPER
        target = worth[1] + (worth[0] - worth[1]) * rows.target
        return rows._replace(target=target, weight=rows.weight * (2 * told.k))


def build(config: Config) -> MetaLearner:
    """Method with `config`."""
    c = config
    return MetaLearner(Closed(hidden=c.hidden, variance=c.variance, noise=c.noise), Schedule.of(c))
