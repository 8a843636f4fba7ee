"""The closed form: a linear head with a Gaussian prior, learned from a task's support exactly and at once.

A score is `features · weight + bias`. Before any event, weight ~ N(mean, variance I) and bias ~ N(mean_bias,
bias_variance); an observation is the score plus noise of variance noise / its row's weight. All five are parameters:
how far a task with few events departs from the prior is therefore learned, not chosen. What the support says is solved
among its S rows, not the H features, by a Cholesky factor that autograd goes through; so is the trunk under it learned.

Source: Bertinetto et al. 2019 (ICLR, "R2-D2"), section 3.2, for the ridge head in dual form; Harrison et al. 2018
(WAFR, "ALPaCA"), section 4, for learning prior and noise through the posterior. Differs: the prior's mean is a head of
its own, so a task without support is answered by it; rows have weights; means and variances, no linear-algebra layer.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from muslin.adapt.tasks import Rows
from muslin.types import Params


class Posterior(NamedTuple):
    """What T tasks know.

    `weight` [T, H] and `bias` [T] of the mean; it departs from the prior's by `coefficients` [T, S] of the support's
    `features` [T, S, H]. `root` [T, S, S]: Cholesky factor of I + the scaled kernel, `scale` [T, S] its scale.
    """

    weight: Tensor
    bias: Tensor
    coefficients: Tensor
    features: Tensor
    root: Tensor
    scale: Tensor


def start(mean: Tensor, mean_bias: Tensor, *, variance: float, bias_variance: float, noise: float) -> Params:
    """Parameters of the head: `mean` [H] and `mean_bias` [] (a network's `w3`, `b3`), and logs of variances."""
    logs = {"log_variance": variance, "log_bias_variance": bias_variance, "log_noise": noise}
    return {"mean": mean, "mean_bias": mean_bias} | {name: mean.new_tensor(math.log(v)) for name, v in logs.items()}


def posterior(head: Params, support: Rows) -> Posterior:
    """Posterior of T tasks from features [T, S, H], targets [T, S] and weights [T, S]; weight 0: not there."""
    features, target, weight = support
    residual = target - prior_mean(head, features)
    there = weight > 0
    scale = (
        torch.where(there, weight, 1).sqrt() * there * (-head["log_noise"] / 2).exp()
    )  # no root of 0: no slope there
    inside = kernel(head, features, features) * (scale[:, :, None] * scale[:, None])
    root = torch.linalg.cholesky(inside + torch.eye(scale.shape[1], dtype=scale.dtype, device=scale.device))
    found = torch.cholesky_solve((scale * residual)[:, :, None], root)
    coefficients = scale * found.squeeze(2)
    shift = torch.bmm(coefficients[:, None], features).squeeze(1)
    own = head["mean"] + head["log_variance"].exp() * shift
    bias = head["mean_bias"] + head["log_bias_variance"].exp() * coefficients.sum(1)
    return Posterior(own, bias, coefficients, features, root, scale)


def mean(known: Posterior, features_TQH: Tensor) -> Tensor:
    """[T, Q] expected scores."""
    return (features_TQH * known.weight[:, None]).sum(2) + known.bias[:, None]


def variance(head: Params, known: Posterior, features_TQH: Tensor) -> Tensor:
    """[T, Q] variances of the scores, without the noise of an observation."""
    before = head["log_variance"].exp() * features_TQH.square().sum(2) + head["log_bias_variance"].exp()
    across = kernel(head, known.features, features_TQH) * known.scale[:, :, None]
    gained = torch.linalg.solve_triangular(known.root, across, upper=False)
    found: Tensor = (before - gained.square().sum(1)).clamp_min(0)
    return found


def prior_mean(head: Params, features: Tensor) -> Tensor:
    """[...] expected scores of features [..., H] before any event."""
    found: Tensor = features @ head["mean"] + head["mean_bias"]
    return found


def kernel(head: Params, left_TMH: Tensor, right_TSH: Tensor) -> Tensor:
    """[T, M, S] prior covariance of the scores of two sets of rows."""
    return torch.bmm(left_TMH * head["log_variance"].exp(), right_TSH.mT) + head["log_bias_variance"].exp()
