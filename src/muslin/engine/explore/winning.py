"""The probability with which each garment wins a slot, under Thompson sampling or an upper confidence bound.

Source: Thompson sampling, Thompson 1933 (Biometrika 25), as in Chapelle and Li 2011 (NIPS), algorithm 1; UCB, Auer et
al. 2002 (Machine Learning 47).
Differs: instead of drawing a value for each garment and taking the largest, the probability of being the largest is
integrated and the winner drawn from it: the same policy, with its propensities known.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Doubles = NDArray[np.float64]

_POINTS = 33
_DENSE = 3.0
"""Points for each standard deviation of the surest."""
_REACH = 6.0
_NOTHING = -80.0
"""Logarithm of a probability that adds nothing to one."""
_LAST, _CELLS = 9.0, 8191
_Z = np.linspace(-_REACH - 0.01, _LAST, _CELLS + 1)
_PER_UNIT = _CELLS / (_LAST + _REACH + 0.01)
_LOG_BELOW = log_ndtr(_Z)
_SLOPE = np.diff(_LOG_BELOW) / np.diff(_Z)


def thompson(mean: Doubles, spread: Doubles) -> Doubles:
    """[P] probability that a draw from N(mean, spread²) is the largest of P independent ones; sums to one.

    `spread` > 0. The integral over the largest value is taken by the trapezoidal rule over its whole range.
    """
    if len(mean) == 1:
        return np.ones(1)
    low, high = (mean - _REACH * spread).max(), (mean + _REACH * spread).max()
    points = int(np.clip(_DENSE * (high - low) / spread.min(), _POINTS, 40 * _POINTS))
    x = low + (high - low) / (points - 1) * np.arange(points)
    z = (x[None, :] - mean[:, None]) / spread[:, None]
    below = _log_below(z)
    all_below = below.sum(axis=0)  # rises with x, from where nothing is left to win
    some = slice(min(int(all_below.searchsorted(_NOTHING)), points - 2), None)
    below, z = below[:, some], z[:, some]
    density = np.exp(all_below[some] - below - 0.5 * z**2) / spread[:, None]
    won = density.sum(axis=1) - 0.5 * (density[:, 0] + density[:, -1])  # the distance of the points cancels out
    total = won.sum()
    return np.asarray(won / total) if total > 0 else np.full(len(mean), 1 / len(mean))


def _log_below(z: Doubles) -> Doubles:
    """Log Φ of `z` by a table, for it is most of the work: off by less than 1e-6, and by nothing above 9.

    The cells are of one width, so each is found by a division and not by a search.
    """
    near = np.minimum(z, _LAST)
    cell = np.minimum(np.maximum((near - _Z[0]) * _PER_UNIT, 0.0), _CELLS - 1).astype(np.int64)
    return np.asarray(_SLOPE[cell] * (near - _Z[cell]) + _LOG_BELOW[cell])


def highest_bound(mean: Doubles, spread: Doubles, width: float) -> Doubles:
    """[P] one for the garment with the highest mean + width x spread (the first of equals), zero for the others."""
    out = np.zeros(len(mean))
    out[int(np.argmax(mean + width * spread))] = 1.0
    return out
