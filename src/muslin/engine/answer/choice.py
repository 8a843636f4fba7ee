"""From scores to probabilities: a choice model whose one number is fitted on garments that shoppers really took.

The probability of a garment is the chance that it is the one this shopper takes next, if they take one of those that
may be shown. It rises with the score, adds up to one over all garments that may be shown, and says what a score does
not: how sure the model is.

Source: the conditional logit of McFadden 1974, section 2; one number for the scale as in temperature scaling, Guo et
al. 2017 (ICML), section 4.2.
Differs: fitted on one hidden event of each of some training shoppers, who are shown as new ones without it.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.optimize import minimize_scalar

from muslin.engine import rank
from muslin.engine.answer.ask import NOBODY
from muslin.features.space import World
from muslin.method import Fitted
from muslin.random import stream
from muslin.types import Csr, Floats, Ints, Items, Users

SHOPPERS = 200
"""Training shoppers of whom one event is hidden."""
CELLS = 4_000_000
"""Scores held to fit it."""
_PRECISE = 1e-3
"""Of the logarithm of the scale."""


@dataclass(frozen=True)
class Choice:
    """`scale`: what one unit of score adds to the logarithm of the odds; `events` it was fitted on."""

    scale: float
    events: int

    def probabilities(self, score: Floats, picked: Ints) -> Floats:
        """[P] of the garments at `picked` among all that may be shown, whose scores are `score` [I]."""
        odds = score - score.max()
        odds *= np.float32(self.scale)
        np.exp(odds, out=odds)  # of the best: 1
        return np.asarray(odds[picked] / odds.sum(dtype=np.float64), dtype=np.float32)


def popular(count: Floats, picked: Ints) -> Floats:
    """[P] shares of what all shoppers took, each garment counting once more: for shoppers nothing is known of."""
    more = count.astype(np.float64) + 1
    return np.asarray(more[picked] / more.sum(), dtype=np.float32)


def fit_choice(fitted: Fitted, world: World, seed: int = 0) -> Choice:
    """The scale under which what shoppers took next is likeliest; 1 where there is nobody to ask."""
    users, target = _hidden(world, seed, fitted)
    if not len(target):
        return Choice(1.0, 0)
    everything = Items(world.catalogue, np.arange(len(world.catalogue), dtype=np.int64))
    score = rank.scores(fitted, world, users, everything).numpy()
    spread = float(np.median(score.std(axis=1, dtype=np.float64)))
    if not np.isfinite(spread) or spread <= 0:
        return Choice(0.0, len(target))
    had = users.history.toarray() > 0
    score = np.where(had, -np.inf, score)  # garments they have are not up for choice
    score -= score.max(axis=1, keepdims=True)
    own = score[np.arange(len(target)), target].astype(np.float64)
    room = np.empty_like(score)

    def loss(log_scale: float) -> float:
        scale = np.float32(np.exp(log_scale))
        np.exp(np.multiply(score, scale, out=room), out=room)
        return float(np.mean(np.log(room.sum(axis=1, dtype=np.float64)) - scale * own))

    centre = -np.log(spread)
    found = minimize_scalar(loss, bounds=(centre - 5, centre + 5), method="bounded", options={"xatol": _PRECISE})
    return Choice(float(np.exp(found.x)), len(target))


def _hidden(world: World, seed: int, fitted: Fitted) -> tuple[Users, Ints]:
    """Shoppers [U] as strangers without one of their events, and the row [U] of that."""
    rng = stream(seed, "choice")
    matrix = world.data.matrix()
    able = np.flatnonzero(np.diff(matrix.indptr) > 1)
    most = min(SHOPPERS, max(CELLS // max(len(world.catalogue), 1), 1))
    chosen = np.sort(rng.permutation(able)[:most])
    ids = world.shoppers.ids[chosen].tolist()
    users = world.users(ids, evidence=fitted.method.evidence)
    history, target = users.history.tolil(), np.empty(len(ids), dtype=np.int64)
    for place, row in enumerate(chosen):
        target[place] = rng.choice(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]])
        history[place, target[place]] = 0
    tastes = None if users.tastes is None else _tastes_without(world, ids, world.catalogue.ids[target].tolist())
    return replace(users, rows=np.full(len(ids), -1, dtype=np.int64), history=history.tocsr(), tastes=tastes), target


def _tastes_without(world: World, users: list[str], items: list[str]) -> Csr:
    """[U, T] behaviour profiles of `users`, each as somebody unknown who never took the item in the same place."""
    events = world.dataset.events.filter(pl.col("user_id").is_in(users))
    left = events.join(pl.DataFrame({"user_id": users, "item_id": items}), on=["user_id", "item_id"], how="anti")
    unknown = left.with_columns(user_id=NOBODY + pl.col("user_id"))
    return world.tastes([NOBODY + user for user in users], unknown).matrix
