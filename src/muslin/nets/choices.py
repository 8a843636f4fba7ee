"""How much several opinions count, learned from what shoppers took among other things: the conditional logit.

An opinion is a number for each shopper and garment, and the utility of a garment is the weighted sum of the opinions.

Source: McFadden 1974 (Frontiers in Econometrics, "Conditional logit analysis of qualitative choice behavior"); sampled
alternatives with their correction as in Bengio and Senécal 2008, section 3. Differs: weights have a floor, so that no
opinion counts against what it says.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from muslin.types import Floats

Doubles = NDArray[np.float64]

_STEPS = 60
"""Steps of L-BFGS at most."""


class Choices(NamedTuple):
    """B choices among S alternatives each, C opinions.

    `lead` [B, S, C]: what is said of each alternative, less what is said of what was taken. `offset` [B, S]: minus the
    log of the alternative's chance to be drawn; minus infinity for one that does not count.
    """

    lead: Floats
    offset: Floats


def joined(parts: list[Choices]) -> Choices:
    """All choices of `parts`, which have the same S and C."""
    lead, offset = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Choices(lead, offset)


def learned(choices: Choices, prior: Floats, penalty: float, floor: float) -> Floats:
    """Weights [C] of the opinions, none below `floor`.

    `penalty` weighs the squared distance from the weights `prior` [C] against the mean loss.
    """
    bounds = [(floor, None)] * len(prior)
    start = np.maximum(prior, floor).astype(np.float64)
    asked = (choices, prior.astype(np.float64), penalty)
    options = {"maxiter": _STEPS}
    found = minimize(loss, start, asked, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    weights: Floats = found.x.astype(np.float32)
    return weights


def loss(weight: Doubles, choices: Choices, prior: Doubles, penalty: float) -> tuple[float, Doubles]:
    """Mean cross entropy of the choices plus the penalty, and its gradient [C]."""
    logit = choices.lead @ weight.astype(choices.lead.dtype) + choices.offset
    top = np.maximum(logit.max(axis=1), 0)
    share = np.exp(logit - top[:, None])
    total = share.sum(axis=1) + np.exp(-top)
    cost, apart = np.log(total) + top, weight - prior
    gradient = np.tensordot(share / total[:, None], choices.lead, 2) / len(logit) + 2 * penalty * apart
    return float(cost.mean(dtype=np.float64) + penalty * (apart**2).sum()), gradient.astype(np.float64)
