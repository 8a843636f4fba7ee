"""The probability with which each garment wins a slot, under Thompson sampling or an upper confidence bound.

Source: Thompson sampling, Thompson 1933 (Biometrika 25), as in Chapelle and Li 2011 (NIPS), algorithm 1; UCB, Auer et
al. 2002 (Machine Learning 47).
Differs: instead of drawing a value for each garment and taking the largest, the probability of being the largest is
integrated and the winner drawn from it: the same policy, with its propensities known.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from muslin.types import Ints

Doubles = NDArray[np.float64]

_POINTS = 33
_DENSE = 3.0
"""Points for each standard deviation of the surest."""
_REACH = 6.0
_NOTHING = -80.0
"""Logarithm of a probability that adds nothing to one."""
_FIRST, _LAST, _CELLS = -_REACH - 0.01, 9.0, 8191
_Z = np.linspace(_FIRST, _LAST, _CELLS + 1)
_PER_UNIT = _CELLS / (_LAST - _FIRST)


class _Table(NamedTuple):
    """A function by linear interpolation: its value `at` each end of a cell, and the `step` to the next."""

    at: Doubles
    step: Doubles

    def of(self, cell: NDArray[np.intp], part: Doubles) -> Doubles:
        """The function at `part` (0..1) of each `cell`; past the last cell it stays as it is."""
        value = self.step.take(cell, mode="clip")
        value *= part
        value += self.at.take(cell, mode="clip")
        return value


ONE_PART = np.zeros(1, dtype=np.int64)
"""Where the parts begin when there is one."""


def _table(value: Doubles) -> _Table:
    return _Table(value, np.append(np.diff(value), 0.0))


_LOG_BELOW = _table(log_ndtr(_Z))
_HAZARD = _table(np.append(np.exp(-0.5 * _Z[:-1] ** 2 - log_ndtr(_Z[:-1])), 0.0))
"""Density over distribution, times the root of 2 pi, which cancels out."""


def thompson(mean: Doubles, spread: Doubles, start: Ints = ONE_PART) -> Doubles:
    """[P] probability that a draw from N(mean, spread²) is the largest of those of its part; sums to one in each.

    `spread` > 0. `start` [S]: where each part begins, ascending from 0; they are told together because that is quicker.
    The integral over the largest value is taken by the trapezoidal rule over its whole range.
    """
    part = parts(start, len(mean))
    reach = _REACH * spread
    low, high = np.maximum.reduceat(mean - reach, start), np.maximum.reduceat(mean + reach, start)
    dense = _DENSE * (high - low) / np.minimum.reduceat(spread, start)
    points = min(max(int(dense.max()), _POINTS), 40 * _POINTS)
    x = low[:, None] + ((high - low) / (points - 1))[:, None] * np.arange(points)
    cell, within = _places(x[part], mean, spread)
    all_below = np.add.reduceat(_LOG_BELOW.of(cell, within), start)  # rises with x, from where nothing is left to win
    some = slice(min(int((all_below.max(axis=0) > _NOTHING).argmax()), points - 2), None)
    weight = np.exp(all_below[:, some])
    weight[:, [0, -1]] *= 0.5  # the distance of the points cancels out, in each part
    won = (_HAZARD.of(cell[:, some], within[:, some]) * weight[part]).sum(axis=1) / spread
    total = np.add.reduceat(won, start)[part]
    alike = 1 / np.bincount(part)[part]
    return np.asarray(np.divide(won, total, out=alike, where=total > 0))


def parts(start: Ints, count: int) -> Ints:
    """[`count`] the part that each place is in; they begin at `start` [S], ascending from 0."""
    part = np.zeros(count, dtype=np.int64)
    part[start[1:]] = 1
    return part.cumsum()


def _places(x: Doubles, mean: Doubles, spread: Doubles) -> tuple[NDArray[np.intp], Doubles]:
    """[P, X] cell of the tables that (x - mean) / spread is in, and how far in it; none is before the first.

    `x` [P, X] or [X].
    """
    scale = _PER_UNIT / spread
    place = scale[:, None] * x
    place -= (scale * mean + _FIRST * _PER_UNIT)[:, None]
    cell = place.astype(np.intp)
    place -= cell
    return cell, place


def highest_bound(mean: Doubles, spread: Doubles, width: float) -> Doubles:
    """[P] one for the garment with the highest mean + width x spread (the first of equals), zero for the others."""
    out = np.zeros(len(mean))
    out[int(np.argmax(mean + width * spread))] = 1.0
    return out
