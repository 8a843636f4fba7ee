"""Losses of one score against one observation, each with the two derivatives that the hand-written gradients need."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

LossName: TypeAlias = Literal["squared", "logistic"]
"""`squared`: (y - t)²; `logistic`: -log of the chance of t in [0, 1] where y is its log odds."""

Point: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def value(loss: LossName, score: Tensor, target: Tensor) -> Tensor:
    """Losses, elementwise."""
    return _VALUE[loss](score, target)


def slope(loss: LossName, score: Tensor, target: Tensor) -> Tensor:
    """First derivative of `value` by the score, elementwise; a new tensor, free to be changed."""
    return _SLOPE[loss](score, target)


def bend(loss: LossName, score: Tensor, target: Tensor) -> Tensor:
    """Second derivative of `value` by the score, elementwise; a new tensor, free to be changed."""
    return _BEND[loss](score, target)


def _logistic_bend(score: Tensor, _target: Tensor) -> Tensor:
    chance = torch.sigmoid(score)
    return chance * (1 - chance)


_VALUE: dict[LossName, Point] = {
    "squared": lambda y, t: (y - t).square(),
    "logistic": lambda y, t: F.softplus(y) - t * y,
}
_SLOPE: dict[LossName, Point] = {
    "squared": lambda y, t: (y - t).mul_(2),
    "logistic": lambda y, t: torch.sigmoid(y) - t,
}
_BEND: dict[LossName, Point] = {
    "squared": lambda y, _t: torch.full_like(y, 2.0),
    "logistic": _logistic_bend,
}
