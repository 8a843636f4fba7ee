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
_Z = np.linspace(-_REACH - 0.01, 9.0, 8192)
_LOG_BELOW = log_ndtr(_Z)
"""log Φ by a table, for it is most of the work: off by less than 1e-6, and by nothing above 9."""


def thompson(mean: Doubles, spread: Doubles) -> Doubles:
    """[P] probability that a draw from N(mean, spread²) is the largest of P independent ones; sums to one.

    `spread` > 0. The integral over the largest value is taken by the trapezoidal rule over its whole range.
    """
    if len(mean) == 1:
        return np.ones(1)
    low, high = (mean - _REACH * spread).max(), (mean + _REACH * spread).max()
    points = int(np.clip(_DENSE * (high - low) / spread.min(), _POINTS, 40 * _POINTS))
    x = np.linspace(low, high, points)
    z = (x[None, :] - mean[:, None]) / spread[:, None]
    below = np.interp(z, _Z, _LOG_BELOW)
    density = np.exp(below.sum(axis=0)[None, :] - below - 0.5 * z**2) / spread[:, None]
    won = np.trapezoid(density, x, axis=1)
    total = won.sum()
    return np.asarray(won / total) if total > 0 else np.full(len(mean), 1 / len(mean))


def highest_bound(mean: Doubles, spread: Doubles, width: float) -> Doubles:
    """[P] one for the garment with the highest mean + width x spread (the first of equals), zero for the others."""
    out = np.zeros(len(mean))
    out[int(np.argmax(mean + width * spread))] = 1.0
    return out
