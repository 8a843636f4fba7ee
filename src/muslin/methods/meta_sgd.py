"""Meta-SGD: MAML that learns, beside where to start, how far and which way each single weight goes.

Source: Li et al. 2017 ("Meta-SGD: Learning to Learn Quickly for Few-Shot Learning"), equation 4 and algorithm 1.
Differs: as `maml`, by torch.func, for weights of their own rates have no dual form; rates are learned for every step,
not one for all; they may turn negative, as the paper's may.
"""

from dataclasses import dataclass

import torch

from muslin.adapt import inner, outer, rule, select
from muslin.adapt.inner import Descent
from muslin.adapt.judges import Judge
from muslin.adapt.layouts import Layout
from muslin.adapt.learner import MetaLearner
from muslin.adapt.network import NAMES
from muslin.adapt.rule import Direction, Told
from muslin.adapt.tasks import Rows, Tasks
from muslin.method import Count, NotNegative, Positive, Schedule
from muslin.types import Params

_HOW = Descent(loss="logistic")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    hidden: Count = 32
    """Units of either hidden layer."""
    steps: Count = 1
    """Steps on what a task is told."""
    rate: Positive = 0.1
    """Size of a step at the start of training."""
    epochs: Count = 12
    """Passes over the tasks at most."""
    learning_rate: Positive = 0.001
    """Adam's step size."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay."""
    patience: Count = 2
    """Epochs without a better validation score before stopping."""


@dataclass(frozen=True, kw_only=True)
class MetaSgd:
    """The rule."""

    hidden: int
    steps: int
    rate: float
    layout: Layout = "crossed"
    exact: bool = True

    def start(self, inputs: int, seed: int) -> Params:
        """`w1` to `b3`, `trust/...`, and `rate/w1` [N, H, D] and so on."""
        decision = rule.start(self.layout, inputs, self.hidden, seed)
        rates = select.per_weight(decision, NAMES, self.steps, self.rate)
        return decision | rule.trust() | {f"rate/{name}": value for name, value in rates.items()}

    def direction(self, params: Params, tasks: Tasks, judge: Judge, told: Told) -> Direction:
        """The gradient of the query's loss after the steps, by autograd."""
        leaves = {name: value.detach().requires_grad_() for name, value in params.items()}
        inputs = [rows.inputs.detach().requires_grad_() for rows in tasks]
        shown = Tasks(*(rows._replace(inputs=own) for rows, own in zip(tasks, inputs, strict=True)))
        loss = outer.query_loss(self.prior(leaves), self._rates(leaves, told), shown, _HOW, judge=judge)
        grads = torch.autograd.grad(loss, [*leaves.values(), *inputs], materialize_grads=True)
        return Direction(loss.detach(), dict(zip(leaves, grads, strict=False)), grads[-2], grads[-1])

    def prior(self, params: Params) -> Params:
        """The meta-learned start."""
        return {name: params[name] for name in NAMES}

    def adapted(self, params: Params, support: Rows, told: Told) -> Params:
        """The networks after the steps."""
        return inner.adapted(self.prior(params), self._rates(params, told), support, _HOW)

    def _rates(self, params: Params, told: Told) -> Params:
        if not told.k:
            return {}
        trusted = rule.trusted(params, told)
        return {name: params[f"rate/{name}"] * trusted for name in sorted(NAMES)}


def build(config: Config) -> MetaLearner:
    """Method with `config`."""
    c = config
    return MetaLearner(MetaSgd(hidden=c.hidden, steps=c.steps, rate=c.rate), Schedule.of(c))
