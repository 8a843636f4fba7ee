"""MetaEmbedding: a generator makes the first embedding of a new garment or shopper, from which few steps lead further.

What content lets expect of an entity becomes its embedding; the other side's embeddings are known. The generator learns
two things at once: to rank well before any event, and to stand where one step on a few events leads to a good place.

Source: Pan et al. 2019 (SIGIR, "Warm Up Cold-start Advertisements: Improving CTR Predictions via Learning to Learn ID
Embeddings"), equations 5 to 8 and algorithm 1.
Differs: the base model is a match of content, which goes on learning, beside embeddings of implicit ALS, which do not;
the generator is what content says of these, scaled by dimension and corrected by a learned map; both losses are of the
query; steps as in `maml`, also for shoppers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from muslin.adapt import inner, outer, rule
from muslin.adapt.inner import Descent
from muslin.adapt.judges import Judge
from muslin.adapt.layouts import LIKENESS, Layout
from muslin.adapt.learner import MetaLearner
from muslin.adapt.rule import Direction, Told
from muslin.adapt.tasks import Rows, Tasks
from muslin.data.episodes import Entity
from muslin.method import Count, NotNegative, Positive, Schedule
from muslin.types import Params

_HOW = Descent(loss="logistic")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    steps: Count = 1
    """Steps on what a task is told."""
    rate: Positive = 1.0
    """Size of a step."""
    before: NotNegative = 0.1
    """Weight of the loss before the steps, beside what is left of 1 for the loss after them."""
    epochs: Count = 12
    """Passes over the tasks at most."""
    learning_rate: Positive = 0.001
    """Adam's step size."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay."""
    patience: Count = 2
    """Epochs without a better validation score before stopping."""


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """The rule."""

    steps: int
    rate: float
    before: float
    layout: Layout = "crossed"
    exact: bool = True

    def start(self, inputs: int, seed: int) -> Params:
        """`linear` [D]: weights of the inputs; `level` []; `trust/...`."""
        k = (inputs - 2) // 3
        weights = torch.zeros(inputs)
        weights[0], weights[1], weights[2 : 2 + k] = 1 / LIKENESS, 0.2, 0.1
        return {"linear": weights, "level": torch.tensor(-3.0)} | rule.trust()

    def direction(self, params: Params, tasks: Tasks, judge: Judge, told: Told) -> Direction:
        """The gradient of both losses, before and after the steps."""
        leaves = {name: value.detach().requires_grad_() for name, value in params.items()}
        inputs = [rows.inputs.detach().requires_grad_() for rows in tasks]
        shown = Tasks(*(rows._replace(inputs=own) for rows, own in zip(tasks, inputs, strict=True)))
        rates, weights = self._rates(leaves, told), [1.0]
        if told.k:
            weights = [self.before, *[0.0] * (self.steps - 1), 1 - self.before]
        own = _start(leaves)
        loss = outer.query_loss(own, rates, shown, _HOW, weights, _predict(told.entity), judge)
        grads = torch.autograd.grad(loss, [*leaves.values(), *inputs], materialize_grads=True)
        return Direction(loss.detach(), dict(zip(leaves, grads, strict=False)), grads[-2], grads[-1])

    def prior(self, params: Params) -> Params:
        """The linear model as a decision network of two units: what is above 0 and what is below."""
        linear = params["linear"]
        return _as_network(linear, params["level"])

    def adapted(self, params: Params, support: Rows, told: Told) -> Params:
        """The same with embeddings moved: weights of the other side's factors, one vector a task."""
        own = _start(params)
        found = inner.adapted(own, self._rates(params, told), support, _HOW, _predict(told.entity))
        moved = params["linear"].repeat(len(found["own"]), 1)
        moved[:, _block(told.entity, moved.shape[1])] += found["own"]
        return _as_network(moved, found["level"])

    def _rates(self, params: Params, told: Told) -> Params:
        if not told.k:
            return {}
        return dict.fromkeys(("own", "level"), rule.trusted(params, told).expand(self.steps) * self.rate)


def _start(params: Params) -> Params:
    width = (len(params["linear"]) - 2) // 3
    return {"linear": params["linear"], "level": params["level"], "own": params["linear"].new_zeros(width)}


def _block(entity: Entity, inputs: int) -> slice:
    """The columns of the other side's factors, which an entity's own embedding is multiplied with."""
    k = (inputs - 2) // 3
    return slice(2 + 2 * k, 2 + 3 * k) if entity == "garments" else slice(2 + k, 2 + 2 * k)


def _predict(entity: Entity) -> inner.Predict:
    def scores(params: Params, rows: Tensor) -> Tensor:
        other = rows[:, _block(entity, rows.shape[1])]
        return rows @ params["linear"] + other @ params["own"] + params["level"]

    return scores


def _as_network(linear: Tensor, level: Tensor) -> Params:
    two = torch.stack([linear, -linear], -2)
    nothing = linear.new_zeros(2)
    return {
        "w1": two,
        "b1": nothing.expand(*linear.shape[:-1], 2),
        "w2": torch.eye(2),
        "b2": nothing,
        "w3": torch.tensor([1.0, -1.0]),
        "b3": level,
    }


def build(config: Config) -> MetaLearner:
    """Method with `config`."""
    c = config
    return MetaLearner(Embedding(steps=c.steps, rate=c.rate, before=c.before), Schedule.of(c))
