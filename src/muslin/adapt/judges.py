"""How the answers to a query are judged: row by row, or as a choice among garments, as a ranking is.

A garment's task alone says nothing of how it ranks among others. So all tasks of a batch are asked about the same
shoppers, and each shopper's choice is judged among the tasks' garments; a shopper's choice, among the query's garments.

Source: the softmax over candidates of Vinyals et al. 2016 (NeurIPS, "Matching networks"), equation 1, with the
correction for how candidates were drawn of Bengio and Senécal 2008. Differs: across tasks, each by its own parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from muslin.adapt import point_losses
from muslin.adapt.point_losses import LossName
from muslin.adapt.tasks import Rows

Judge: TypeAlias = Callable[[Tensor, Rows], Tensor]
"""From scores [T, Q] of the query rows to the loss, a scalar."""


@dataclass(frozen=True)
class Pointwise:
    """Weighted sum of the rows' losses."""

    loss: LossName

    def __call__(self, score_TQ: Tensor, asked: Rows) -> Tensor:
        """A scalar."""
        return (asked.weight * point_losses.value(self.loss, score_TQ, asked.target)).sum()


@dataclass(frozen=True)
class Choice:
    """Mean over the wanted rows, by weight, of minus log their chance among the rows along `across` (0 or 1).

    Rows of weight 0 are no candidates. `offset` [Q]: log of how often a candidate of that place is drawn; None: alike.
    """

    across: int
    offset: Tensor | None = None

    def __call__(self, score_TQ: Tensor, asked: Rows) -> Tensor:
        """A scalar."""
        logits = score_TQ if self.offset is None else score_TQ - self.offset
        # Not minus infinity: where all candidates are missing, that has no derivative.
        chance = logits.masked_fill(asked.weight <= 0, -1e9).log_softmax(self.across)
        share = asked.weight * asked.target
        return -(share * chance).sum() / share.sum().clamp(min=1e-12)


def value_and_slope(judge: Judge, score_TQ: Tensor, asked: Rows) -> tuple[Tensor, Tensor]:
    """The loss and its derivative [T, Q] by the scores."""
    if isinstance(judge, Pointwise):
        return judge(score_TQ, asked), point_losses.slope(judge.loss, score_TQ, asked.target).mul_(asked.weight)
    with torch.enable_grad():
        leaf = score_TQ.detach().requires_grad_()
        value = judge(leaf, asked)
        return value.detach(), torch.autograd.grad(value, leaf)[0]
