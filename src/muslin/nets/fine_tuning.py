"""Training on the target from what the source taught, `min L(f_T) + lambda * R(f_T, f_S)`: a `Trainable` like any.

Schedules say what moves when: everything at once (`full`); the head alone (`head`); the head first and then the rest
(`head_first`), so that a random head does not tear up what was learned (LP-FT, Kumar et al. 2022, arXiv 2202.10054,
section 4); group by group from the head down (`gradual`, Howard and Ruder 2018, arXiv 1801.06146, section 3.3); or the
head and a small adapter (`adapters`, Houlsby et al. 2019, arXiv 1902.00751, section 2.1).
Differs: LP-FT's head has a fixed number of epochs; one group a more an epoch in `gradual`, with one rate for all.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from muslin.method import Evidence, Schedule, Transferable
from muslin.nets.carry import Carried
from muslin.nets.distillation import of_features, of_predictions
from muslin.nets.transfer import held
from muslin.types import Items, Params, TrainData, Users

Regulariser: TypeAlias = Literal["none", "l2_sp", "l2_sp_fisher", "features", "predictions"]
Unfreezing: TypeAlias = Literal["full", "head", "head_first", "gradual", "adapters"]

_HEAD_EPOCHS = 2
"""Epochs of `head_first` in which only the head moves."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How parameters move on the target."""

    regulariser: Regulariser = "l2_sp"
    """R: nothing, the squared distance of the weights, the same weighted by information, or of features or choices."""
    strength: float = 0.0
    """Lambda; infinite: nothing that came from the source moves."""
    unfreezing: Unfreezing = "full"
    """What moves when."""


class Batch(NamedTuple):
    """A batch of the method's own, and the epoch it is of."""

    epoch: int
    data: Any


@dataclass(frozen=True, eq=False)
class FineTuning:
    """`base`, trained from what was `carried`, which R keeps near; what is the target's own is free.

    `information`: Fisher information of the source's parameters, for `l2_sp_fisher`.
    """

    base: Transferable
    carried: Carried
    tuning: Tuning
    information: Params = field(default_factory=dict)

    @property
    def evidence(self) -> frozenset[Evidence]:
        """That of `base`."""
        return self.base.evidence

    @property
    def schedule(self) -> Schedule:
        """That of `base`."""
        return self.base.schedule

    def init(self, _data: TrainData, seed: int) -> Params:
        """Where the target begins, with adapters where they are asked for."""
        start = self.carried.start
        more = self.base.adapters(start, seed) if self.tuning.unfreezing == "adapters" else {}
        return {**start, **more}

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches of `base`."""
        return (Batch(epoch, batch) for batch in self.base.batches(data, seed, epoch))

    def step(self, params: Params, batch: Batch) -> tuple[Params, dict[str, float]]:
        """Gradients by what moves in this epoch: of the loss, and of R where R is about functions."""
        grads, metrics = self.base.step(params, batch.data)
        moving = self.moving(params, batch.epoch)
        found = {name: grad for name, grad in grads.items() if name in moving}
        if self.tuning.regulariser in ("features", "predictions") and 0 < self.tuning.strength < math.inf and found:
            more = self._pull(params, batch.data, tuple(found))
            found = {name: grad + more[name] for name, grad in found.items()}
        return found, metrics

    def prox(self, params: Params, rate: float) -> Params:
        """The pull of L2-SP; of the other regularisers only an infinite one, which holds what came from the source."""
        if self.tuning.regulariser == "none":
            return {}
        if self.tuning.regulariser in ("features", "predictions") and self.tuning.strength != math.inf:
            return {}
        weight = dict(self.carried.share)
        if self.tuning.regulariser == "l2_sp_fisher":
            weight |= {name: fisher * weight.get(name, 1.0) for name, fisher in self.information.items()}
        return held(params, self.carried.source, self.tuning.strength * rate, weight)

    def moving(self, params: Params, epoch: int) -> frozenset[str]:
        """Names of what moves in `epoch`."""
        groups = self.base.groups(params)
        everything = frozenset[str]().union(*groups)
        if self.tuning.strength == math.inf and self.tuning.regulariser != "none":
            everything -= self.carried.source.keys() - self.carried.share.keys()
        head = groups[0]
        part = {
            "full": everything,
            "head": head,
            "head_first": head if epoch < _HEAD_EPOCHS else everything,
            "gradual": frozenset[str]().union(*groups[: epoch + 1]),
            "adapters": head | frozenset(name for name in params if name not in self.carried.start),
        }[self.tuning.unfreezing]
        return part & everything

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """As `base` does."""
        return self.base.score(params, users, items)

    def _pull(self, params: Params, batch: Any, names: tuple[str, ...]) -> Params:
        """Gradient of `lambda * R` by the parameters `names`."""
        distance = of_features if self.tuning.regulariser == "features" else of_predictions
        leaves = {name: params[name].detach().requires_grad_() for name in names}
        cost = self.tuning.strength * distance(self.base, {**params, **leaves}, self.carried.start, batch)
        if not cost.requires_grad:  # a head that has no part in the features
            return {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
        found = torch.autograd.grad(cost, list(leaves.values()), materialize_grads=True)
        return dict(zip(names, found, strict=True))
