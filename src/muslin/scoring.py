"""The one way from parameters to scores, taken by evaluation and by the service alike.

A shopper who brings nothing that a method reads (no history, no profile) gets the popularity order instead, and the
answer says so (path `fallback`).
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from muslin.method import Evidence, Scorer
from muslin.types import Bools, Floats, Items, Params, Path, Users


class Scored(NamedTuple):
    """Scores [U, I] and, per shopper [U], whether they come from popularity for want of anything better."""

    scores: Tensor
    fallback: Bools


def silent(users: Users, evidence: Collection[Evidence] = ("history", "profile")) -> Bools:
    """[U] true where a shopper brings none of `evidence`; raises ValueError where tastes are wanted and not given."""
    said = np.zeros(len(users), dtype=bool)
    if "tastes" in evidence:
        if users.tastes is None:
            raise ValueError("the method reads tastes: ask World.users for them")
        said |= np.diff(users.tastes.indptr) > 0
    if "history" in evidence:
        said |= np.diff(users.history.indptr) > 0
    if "profile" in evidence:
        said |= np.diff(users.features.indptr) > 0
    return ~said


def score(method: Scorer, params: Params, popularity: Floats, users: Users, items: Items) -> Scored:
    """Scores of `items` for `users`; `popularity` [N] of the catalogue's rows answers for silent shoppers."""
    fallback = silent(users, method.evidence) if method.evidence else np.zeros(len(users), dtype=bool)
    with torch.no_grad():
        if not fallback.any():
            return Scored(method.score(params, users, items), fallback)
        scores = torch.from_numpy(popularity[items.rows]).float().repeat(len(users), 1)
        if not fallback.all():  # nobody else is any work
            heard = np.flatnonzero(~fallback)
            scores[torch.from_numpy(heard)] = method.score(params, users[heard], items).float()
    return Scored(scores, fallback)


def paths(method: Scorer, users: Users, items: Items) -> np.ndarray:
    """[U, I] object array of `Path`: what each answer rests on.

    `hot` where shopper and item were both trained; `fallback` for shoppers who bring nothing that `method` reads (or
    nothing at all, if it reads nothing); otherwise `warming` when the shopper is new but brings events, and `cold`
    when the item, or the shopper, has none.
    """
    hot_item = items.rows < items.catalogue.n_hot
    trained = users.rows >= 0
    has_events = np.diff(users.history.indptr) > 0
    shopper: list[Path] = ["hot" if t else "warming" if h else "cold" for t, h in zip(trained, has_events, strict=True)]
    out = np.where(hot_item[None, :], np.array(shopper, dtype=object)[:, None], "cold")
    out[silent(users, method.evidence or ("history", "profile"))] = "fallback"
    return out
