"""The best garments for one shopper, one of each family, from those that may be shown."""

from typing import NamedTuple

import numpy as np

from muslin import scoring
from muslin.engine import rank
from muslin.features.space import World
from muslin.method import Fitted
from muslin.types import Bools, Floats, Ints, Items, Users


class Listing(NamedTuple):
    """Candidates and the best of them: `score` [I] of `candidates` [I] rows; `best` [L] places in them, in order."""

    candidates: Ints
    score: Floats
    best: Ints
    fallback: bool
    """Whether the order is that of popularity, for want of anything better."""

    def rows(self) -> Ints:
        """Catalogue rows of the best."""
        return self.candidates[self.best]


def listing(fitted: Fitted, world: World, users: Users, allowed: Bools, depth: int) -> Listing:
    """The best `depth` of the rows `allowed` [N] for the one shopper of `users`, who has none of them yet.

    Of a family only the best is listed. Equal scores are in order of popularity.
    """
    open_ = allowed.copy()
    open_[users.history.indices] = False
    rows = world.by_popularity[open_[world.by_popularity]]
    if not len(rows):
        return Listing(rows, np.empty(0, np.float32), np.empty(0, np.int64), False)
    scored = scoring.score(fitted.method, fitted.params, world.popularity, users, Items(world.catalogue, rows))
    score = scored.scores
    family, best = world.catalogue.family[rows], np.empty(0, np.int64)
    k = min(2 * depth + 20, len(rows))
    while True:
        best = _first_of_each(rank.best(score, k)[1].numpy()[0], family)[:depth]
        if len(best) >= min(depth, len(rows)) or k >= len(rows):
            break
        k = min(4 * k, len(rows))
    return Listing(rows, score.numpy()[0], best, bool(scored.fallback[0]))


def _first_of_each(places: Ints, family: Ints) -> Ints:
    """`places` without those whose family came before."""
    _, first = np.unique(family[places], return_index=True)
    return places[np.sort(first)]


def finite(score: Floats) -> bool:
    """Whether all scores are numbers."""
    return bool(np.isfinite(score).all())
