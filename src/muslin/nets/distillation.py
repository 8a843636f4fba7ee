"""Distances from what the source's network says on the target's own batches: regularisers for functions, not weights.

Sources: predictions: Li and Hoiem 2017 (Learning without Forgetting, arXiv 1606.09282), equation 2, after Hinton et al.
2015; features: Romero et al. 2015 (FitNets, arXiv 1412.6550), equation 3. Differs: both networks read the same input,
so nothing is regressed between them; temperature 1; the feature distance is that of unit vectors.
"""

from typing import Any

import torch
from torch import Tensor

from muslin.method import Transferable
from muslin.types import Params

_NEVER = -1e4
"""Logit of what does not count: its probability is 0, and 0 times it is 0."""


def of_features(method: Transferable, params: Params, source: Params, batch: Any) -> Tensor:
    """Mean squared distance between what `params` and `source` make of the batch's garments."""
    with torch.no_grad():
        before = method.represent(source, batch)
    return (method.represent(params, batch) - before).square().sum(dim=1).mean()


def of_predictions(method: Transferable, params: Params, source: Params, batch: Any) -> Tensor:
    """Mean KL divergence of the choice that `params` predicts from the choice that `source` predicts."""
    with torch.no_grad():
        before = torch.log_softmax(method.logits(source, batch).clamp(min=_NEVER), dim=1)
    now = torch.log_softmax(method.logits(params, batch).clamp(min=_NEVER), dim=1)
    return (before.exp() * (before - now)).sum(dim=1).mean()
