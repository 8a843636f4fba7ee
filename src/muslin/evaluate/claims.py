"""What methods say of their own scores, and whether it comes true: probabilities and intervals.

* ece: expected calibration error. Of what stands in the lists, in bins of equal size by stated probability, the
  difference between the mean probability and the share that was taken, averaged over what stands there (Naeini,
  Cooper and Hauskrecht 2015, AAAI, section "Calibration metrics"; bins of equal size as Nixon et al. 2019, CVPR
  workshops, section 3.2). Only the lists count: over all pairs nearly everything is near zero, and so is the error of
  who says zero throughout.
* interval: a score with a standard deviation is a guess of what the score will be once more events are known. Of a
  normal belief that learns by Bayes' rule the later mean is normal around the earlier one, and its variance is what
  the variance lost in between (Rasmussen and Williams 2006, equations 2.25 and 2.26). So of the scores at the largest
  k, 90 % should lie within 1.645 x sqrt(s_k² - s_K²) of the score at k. No truth is needed, and nobody's interval can
  be right who learns more, or less, than they said there was to learn.

Shape suffixes: U shoppers, I candidates.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import Tensor

from muslin.errors import ModelError
from muslin.evaluate.exam import Ask, Block
from muslin.method import Calibrated, Scorer, Uncertain
from muslin.random import stream
from muslin.types import Bools, Floats, Ints, Items, Params, Users

ECE, INTERVAL = "ece@20", "interval90"
"""Names of the two among the metrics."""
BINS = 15
LEVEL = 0.9
_WIDTH = 1.6448536269514722
"""Standard deviations either side of the mean that hold `LEVEL` of a normal distribution."""
_PER_SHOPPER = 20
"""Candidates of a shopper whose intervals are looked at."""

Doubles = NDArray[np.float64]


class Claims(NamedTuple):
    """Probabilities and standard deviations [U, I]; None of a method that states none."""

    chance: Floats | None
    spread: Floats | None


def claims(method: Scorer, params: Params, users: Users, items: Items, scores: Tensor | None = None) -> Claims:
    """What `method` says, of `scores` that are at hand already.

    Raises `ModelError` (`bad_claim`) for what is no probability or no standard deviation.
    """
    chance = method.probabilities(params, users, items, scores).numpy() if isinstance(method, Calibrated) else None
    spread = method.uncertainty(params, users, items).numpy() if isinstance(method, Uncertain) else None
    for found, most, what in ((chance, 1.0, "probability"), (spread, np.inf, "standard deviation")):
        if found is not None and not ((found >= 0) & (found <= most) & np.isfinite(found)).all():
            raise ModelError(
                f"{type(method).__name__} gave a {what} that is none",
                code="bad_claim",
                where=type(method).__name__,
                fix="report it if it happens with the default options",
            )
    return Claims(chance, spread)


def shown(ask: Ask, rows: slice, block: Block, top: Ints) -> pl.DataFrame | None:
    """`path`, `user_id`, `chance`, `taken` of everything in the lists `top` [U, n] that the method itself answered."""
    if block.chance is None:
        return None
    user, place = np.nonzero((top >= 0) & ~block.fallback[:, None])
    column = top[user, place]
    taken = np.asarray(ask.truth[rows].toarray()[user, column] > 0)
    return pl.DataFrame(
        {
            "path": pl.Series(ask.labels[column].tolist(), dtype=pl.String),
            "user_id": pl.Series(ask.users[rows], dtype=pl.String).gather(user),
            "chance": block.chance[user, column].astype(np.float64),
            "taken": taken,
        }
    )


def guessed(ask: Ask, rows: slice, block: Block) -> pl.DataFrame | None:
    """`user_id`, `item_id`, `score`, `spread` of some candidates of each shopper, the same ones at every k."""
    if block.spread is None or ask.k is None:
        return None
    n = min(_PER_SHOPPER, len(ask.items))
    picked = [stream(0, "evaluate", "interval", u).choice(len(ask.items), n, replace=False) for u in ask.users[rows]]
    user, column = np.repeat(np.arange(len(picked)), n), np.concatenate([np.empty(0, dtype=np.int64), *picked])
    kept = ~block.fallback[user]
    user, column = user[kept], column[kept]
    return pl.DataFrame(
        {
            "user_id": pl.Series(ask.users[rows], dtype=pl.String).gather(user),
            "item_id": pl.Series(ask.items.catalogue.ids[ask.items.rows[column]].tolist(), dtype=pl.String),
            "score": block.scores[user, column].astype(np.float64),
            "spread": block.spread[user, column].astype(np.float64),
        }
    )


def ece(chance: Doubles, taken: Bools, bins: int = BINS) -> float:
    """Expected calibration error; equal probabilities share a bin. NaN where there is nothing."""
    if not len(chance):
        return float("nan")
    edges = np.unique(np.quantile(chance, np.linspace(0, 1, bins + 1)[1:-1]))
    found = np.searchsorted(edges, chance, side="right")
    return float(np.abs(np.bincount(found, weights=chance - taken)).sum() / len(chance))


def covered(earlier: pl.DataFrame, later: pl.DataFrame) -> float:
    """Share of the guesses in `earlier` whose interval holds the score in `later`; NaN where nothing was learned."""
    both = earlier.join(later, on=["user_id", "item_id"], suffix="_later")
    score, spread, then, left = (both[name].to_numpy() for name in ("score", "spread", "score_later", "spread_later"))
    moved = np.abs(then - score)
    width = _WIDTH * np.sqrt(np.maximum(spread**2 - left**2, 0.0))
    told = (moved > 0) | (width > 0)
    return float((moved <= width)[told].mean()) if told.any() else float("nan")
