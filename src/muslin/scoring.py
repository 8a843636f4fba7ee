"""The one way from parameters to scores, taken by evaluation and by the service alike.

A shopper with neither history nor profile says nothing to a method; they get the popularity order instead, and the
answer says so (path `fallback`).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from muslin.method import Scorer
from muslin.types import Bools, Floats, Items, Params, Path, Users


class Scored(NamedTuple):
    """Scores [U, I] and, per shopper [U], whether they come from popularity for want of anything better."""

    scores: Tensor
    fallback: Bools


def silent(users: Users) -> Bools:
    """[U] true where a shopper has no history and no profile."""
    return np.asarray((np.diff(users.history.indptr) == 0) & (np.diff(users.features.indptr) == 0))


def score(method: Scorer, params: Params, popularity: Floats, users: Users, items: Items) -> Scored:
    """Scores of `items` for `users`; `popularity` [N] of the catalogue's rows answers for silent shoppers."""
    fallback = silent(users)
    with torch.no_grad():
        scores = method.score(params, users, items)
    if fallback.any():
        scores = scores.clone()
        scores[torch.from_numpy(fallback)] = torch.from_numpy(popularity[items.rows]).to(scores.dtype)
    return Scored(scores, fallback)


def paths(users: Users, items: Items) -> np.ndarray:
    """[U, I] object array of `Path`: `hot` where shopper and item were both trained, `fallback` for silent shoppers.

    Otherwise `warming` when the shopper is new but brings events, and `cold` when the item, or the shopper, has none.
    """
    hot_item = items.rows < items.catalogue.n_hot
    trained = users.rows >= 0
    has_events = np.diff(users.history.indptr) > 0
    shopper: list[Path] = ["hot" if t else "warming" if h else "cold" for t, h in zip(trained, has_events, strict=True)]
    out = np.where(hot_item[None, :], np.array(shopper, dtype=object)[:, None], "cold")
    out[silent(users)] = "fallback"
    return out
