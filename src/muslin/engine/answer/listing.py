"""The best garments for one shopper, one of each family, from those that may be shown."""

from typing import NamedTuple

import numpy as np

from muslin import scoring
from muslin.features.space import World
from muslin.method import Fitted
from muslin.types import Bools, Floats, Ints, Items, Users


class Listing(NamedTuple):
    """Candidates and the best of them.

    `score` [I] of `candidates` [I], rows in ascending order; `best` [L] places in them, in order of the list.
    """

    candidates: Ints
    score: Floats
    best: Ints
    fallback: bool
    """Whether the order is that of popularity, for want of anything better."""

    def rows(self) -> Ints:
        """Catalogue rows of the best."""
        return self.candidates[self.best]

    def places(self, rows: Ints) -> Ints:
        """Places of `rows`, each of which is a candidate."""
        return np.searchsorted(self.candidates, rows)

    def among(self, rows: Ints) -> tuple[Ints, Ints]:
        """Those of `rows` that are candidates, and their places."""
        if not len(self.candidates):
            return rows[:0], rows[:0]
        place = np.minimum(self.places(rows), len(self.candidates) - 1)
        there = self.candidates[place] == rows
        return rows[there], place[there]


def listing(fitted: Fitted, world: World, users: Users, allowed: Bools, depth: int) -> Listing:
    """The best `depth` of the rows `allowed` [N] for the one shopper of `users`, who has none of them yet.

    Of a family only the best is listed. Equal scores are in order of popularity.
    """
    open_ = allowed.copy()
    open_[users.history.indices] = False
    rows = open_.nonzero()[0]
    if not len(rows):
        return Listing(rows, np.empty(0, np.float32), np.empty(0, np.int64), False)
    scored = scoring.score(fitted.method, fitted.params, world.popularity, users, Items(world.catalogue, rows))
    score, best = scored.scores.numpy()[0], np.empty(0, np.int64)
    k = min(2 * depth + 20, len(rows))
    while True:
        head = leading(score, world.popularity, rows, k)
        best = head[first_of_each(world.catalogue.family[rows[head]])][:depth]
        if len(best) >= min(depth, len(rows)) or k >= len(rows):
            break
        k = min(4 * k, len(rows))
    return Listing(rows, score, best, bool(scored.fallback[0]))


def leading(score: Floats, popularity: Floats, rows: Ints, k: int) -> Ints:
    """[k] places of the largest `score` [I], in order; of equals the most popular first, then the first of `rows` [I].

    `popularity` [N] by row. Only those that may be in it are sorted.
    """
    head = np.arange(len(rows))
    if k < len(rows):
        least = np.partition(score, len(rows) - k)[len(rows) - k]
        head = (score >= least).nonzero()[0]
    # Stable: of equals the first of `rows` comes first, and all that equal the last were there to choose from.
    return np.asarray(head[np.lexsort((-popularity[rows[head]], -score[head]))[:k]])


def first_of_each(family: Ints) -> Ints:
    """Places of those whose `family` [L] did not come before."""
    first = np.empty(int(family.max(initial=-1)) + 1, dtype=np.int64)
    place = np.arange(len(family))
    first[family[::-1]] = place[::-1]  # what is written last stays: the first of each
    return np.asarray((first[family] == place).nonzero()[0])
