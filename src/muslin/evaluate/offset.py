"""The offset that gives new garments a wanted share of the places in the lists.

One constant is added to the scores of all new garments, for every shopper alike. The share of places they then hold
depends on the scores alone, so no truth is looked at, and methods whose scores have different scales are compared at
the same exposure of new garments.

The j-th best new garment of a shopper holds one of n places exactly when its score plus the offset is above that of
the (n - j + 1)-th best known one. Each difference of the two is therefore the offset from which one more place is new,
and the wanted offset is the quantile of these differences.
"""

import numpy as np
from numpy.typing import NDArray

from muslin.evaluate.exam import Ask, Block, Scores
from muslin.types import Bools, Floats


def offset(ask: Ask, parts: list[slice], scores: Scores, places: int) -> Scores:
    """`scores` with the offset that gives new garments `ask.new_share` of the `places` of all shoppers.

    `parts`: slices that make up `ask.users`. Raises ValueError where no share is wanted.
    """
    if ask.new_share is None:
        raise ValueError("the question wants no share for new garments")
    new = ask.items.rows >= ask.items.catalogue.n_hot
    needed = np.concatenate([_needed(_open(ask, rows, scores), new, places).ravel() for rows in parts])
    wanted = round(ask.new_share * len(ask.users) * places)
    added = np.float32(_between(np.sort(needed.astype(np.float64)), wanted))

    def shifted(ask: Ask, rows: slice) -> Block:
        block = scores(ask, rows)
        moved = block.scores.copy()
        moved[:, new] += added
        return block._replace(scores=moved)

    return shifted


def _open(ask: Ask, rows: slice, scores: Scores) -> Floats:
    """Scores [U, I] of what may stand in the lists; what may not is minus infinity."""
    found = scores(ask, rows).scores.copy()
    found[ask.seen[rows].nonzero()] = -np.inf
    return found


def _needed(scores: Floats, new: Bools, places: int) -> Floats:
    """[U, n] offset from which each shopper's best, second best, … new garment holds a place; NaN-free, may be inf."""
    known, fresh = (-np.sort(-scores[:, side], axis=1)[:, :places] for side in (~new, new))
    n = min(fresh.shape[1], places)
    rivals = np.full((len(scores), places), -np.inf, dtype=np.float32)
    rivals[:, : known.shape[1]] = known
    with np.errstate(invalid="ignore"):
        needed = rivals[:, ::-1][:, :n] - fresh[:, :n]
    return np.where(np.isneginf(fresh[:, :n]), np.inf, needed)


def _between(needed: NDArray[np.float64], wanted: int) -> float:
    """An offset above `wanted` of `needed` (ascending) and below the others, as far as those can be told apart."""
    finite = needed[np.isfinite(needed)]
    if not len(finite):
        return 0.0
    margin = 1e-3 * (1.0 + float(np.abs(finite).max()))
    place = int(np.clip(wanted - np.isneginf(needed).sum(), 0, len(finite)))
    below = finite[place - 1] if place else finite[0] - 2 * margin
    above = finite[place] if place < len(finite) else finite[-1] + 2 * margin
    return float((below + above) / 2)
