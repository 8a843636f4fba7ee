"""Rules that take a few steps down the gradient of the support, with one rate a step and layer (`dual_gradient`).

How far a step goes depends on how many events speak: a factor by their number is learned with all else, so a single
event may move little where single events mislead.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from muslin.adapt import dual, dual_gradient, outer, rule
from muslin.adapt.dual import Layers
from muslin.adapt.dual_gradient import Plan
from muslin.adapt.inner import Descent
from muslin.adapt.judges import Judge
from muslin.adapt.layouts import Layout
from muslin.adapt.network import LAYERS, NAMES
from muslin.adapt.rule import Direction, Told
from muslin.adapt.tasks import Rows, Tasks
from muslin.types import Params

_TEMPER = 10.0
"""What a unit of a learned rate's parameter counts, on a logarithmic scale."""

ALL = Layers()


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A rule. `every_step`: losses after each step count, the early ones less and less; `learn_rates`: one a layer."""

    hidden: int
    count: int
    rate: float
    layers: Layers = ALL
    first_order: bool = False
    every_step: bool = False
    learn_rates: bool = False
    layout: Layout = "crossed"

    @property
    def exact(self) -> bool:
        """Whether the second order is there."""
        return not self.first_order

    def start(self, inputs: int, seed: int) -> Params:
        """`w1` to `b3` of the decision network, `trust/...`, and `rates` [N, 3] where they are learned."""
        params = rule.start(self.layout, inputs, self.hidden, seed) | rule.trust()
        return params | ({"rates": torch.zeros(self.count, 3)} if self.learn_rates else {})

    def direction(self, params: Params, tasks: Tasks, judge: Judge, told: Told) -> Direction:
        """The gradient of the query's loss after the steps; nothing told, that of the prior."""
        decision = {name: params[name] for name in NAMES}
        leaves = {n: p.detach().requires_grad_() for n, p in params.items() if n not in NAMES}
        rates = self.rates(leaves, told)
        weights = outer.annealed(self.count, told.progress) if self.every_step and told.k else None
        plan = self._plan(judge, weights)
        found = dual_gradient.value_and_gradients(decision, rates.detach(), tasks, plan)
        by_rates: tuple[Tensor | None, ...] = (None,) * len(leaves)
        if told.k:
            by_rates = torch.autograd.grad(rates, list(leaves.values()), found.rates, allow_unused=True)
        moved = {n: g for n, g in zip(leaves, by_rates, strict=True) if g is not None}
        return Direction(found.loss, found.params | moved, found.support, found.query)

    def prior(self, params: Params) -> Params:
        """The meta-learned start."""
        return {name: params[name] for name in NAMES}

    def adapted(self, params: Params, support: Rows, told: Told) -> Params:
        """The networks after the steps."""
        decision = self.prior(params)
        found = dual.trace(decision, self.rates(params, told), support, self.how, self.layers)
        return whole(decision, found, support, self.layers)

    def rates(self, params: Params, told: Told) -> Tensor:
        """[N, 3]; no steps after no events."""
        if not told.k:
            return params["trust/garments"].new_zeros(0, 3)
        rates = params["trust/garments"].new_full((self.count, 3), self.rate)
        if self.learn_rates:
            rates = rates * (params["rates"] * _TEMPER).exp()
        return rates * rule.trusted(params, told)

    @property
    def how(self) -> Descent:
        """Of a step."""
        return Descent(loss="logistic", first_order=self.first_order)

    def _plan(self, judge: Judge | None, weights: tuple[float, ...] | None) -> Plan:
        return Plan(how=self.how, layers=self.layers, step_weights=weights, learn_rates=True, judge=judge)


def whole(decision: Params, found: dual.Trace, support: Rows, layers: Layers) -> Params:
    """The last state of a trace as decision parameters: layers that moved with a leading T."""
    last = found.last
    after = decision | {"w2": last.w2, "b2": last.b2, "w3": last.w3, "b3": last.b3}
    if last.shift is not None:
        after["w1"] = decision["w1"] - torch.bmm(last.shift.mT, support.inputs)
        after["b1"] = decision["b1"] - last.shift.sum(1)
    moved = {
        name for at, names in enumerate(LAYERS) if (layers.first, layers.second, layers.third)[at] for name in names
    }
    return {name: value if name in moved else decision[name] for name, value in after.items()}
