"""Reptile: go where the steps on a task lead, again and again; no derivative through them, no query.

Source: Nichol, Achiam and Schulman 2018 ("On First-Order Meta-Learning Algorithms"), algorithm 2 in its batched form,
equation 12.
Differs: as `maml`; a task is learned from what it is told and what it is asked alike; layers outside the steps, for
which Reptile has no direction, learn by the first-order derivative of the query's loss after them, as do the lengths of
the steps. No number here is the loss of which the direction is the gradient: there is none.
"""

from dataclasses import dataclass

import torch

from muslin.adapt import dual
from muslin.adapt.judges import Judge
from muslin.adapt.layouts import Layout
from muslin.adapt.learner import MetaLearner
from muslin.adapt.network import NAMES
from muslin.adapt.rule import Direction, Told
from muslin.adapt.steps import Steps
from muslin.adapt.tasks import Rows, Tasks
from muslin.method import Count, NotNegative, Positive, Schedule
from muslin.types import Params


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    hidden: Count = 32
    """Units of either hidden layer."""
    steps: Count = 3
    """Steps on what a task is told."""
    rate: Positive = 0.1
    """Size of a step."""
    epochs: Count = 12
    """Passes over the tasks at most."""
    learning_rate: Positive = 0.001
    """Adam's step size."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay."""
    patience: Count = 2
    """Epochs without a better validation score before stopping."""


@dataclass(frozen=True)
class Reptile:
    """The rule; `steps` of first order, as they adapt."""

    steps: Steps

    @property
    def layout(self) -> Layout:
        """What it is shown of a pair."""
        return self.steps.layout

    @property
    def exact(self) -> bool:
        """There is no loss to be exact about."""
        return False

    def start(self, inputs: int, seed: int) -> Params:
        """As the steps'."""
        return self.steps.start(inputs, seed)

    def direction(self, params: Params, tasks: Tasks, judge: Judge, told: Told) -> Direction:
        """Where the steps on all rows of each task lead; of all else, and told nothing, the first-order gradient."""
        found = self.steps.direction(params, tasks, judge, told)
        if not told.k:
            return found
        decision, rows = self.prior(params), _everything(tasks)
        rates = self.steps.rates(params, told)
        trace = dual.trace(decision, rates, rows, self.steps.how, self.steps.layers)
        share = rows.weight.new_full((len(rows.weight),), 1 / (len(rows.weight) * float(rates.sum(0).mean())))
        moved = dual.displacement(decision, trace, rows, share)
        return found._replace(params={n: g for n, g in found.params.items() if n not in NAMES} | moved)

    def prior(self, params: Params) -> Params:
        """The meta-learned start."""
        return self.steps.prior(params)

    def adapted(self, params: Params, support: Rows, told: Told) -> Params:
        """The networks after the steps."""
        return self.steps.adapted(params, support, told)


def _everything(tasks: Tasks) -> Rows:
    """Support and query of each task in one, either weighing half; in the query, wanted and unwanted alike."""
    told, asked = tasks
    wanted, there = asked.target * (asked.weight > 0), (asked.weight > 0).float()
    other = there - wanted
    balanced = wanted / wanted.sum(1, keepdim=True).clamp(min=1) + other / other.sum(1, keepdim=True).clamp(min=1)
    weight = torch.cat([told.weight / 2, balanced / 4], 1)
    return Rows(torch.cat([told.inputs, asked.inputs], 1), torch.cat([told.target, asked.target], 1), weight)


def build(config: Config) -> MetaLearner:
    """Method with `config`."""
    c = config
    return MetaLearner(Reptile(Steps(hidden=c.hidden, count=c.steps, rate=c.rate, first_order=True)), Schedule.of(c))
