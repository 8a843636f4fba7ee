"""Numeric columns: a piecewise linear encoding over the quantiles of the training rows.

A number between two knots is shared between their two columns, so nearby numbers have similar features and a linear
model can bend. Source: the "hat" basis of linear finite elements; as input features for tabular networks, Gorishniy et
al. 2022 (arXiv 2203.05556), section 3.2. Differs: hats that sum to one instead of cumulative ramps, scaled to unit
length, because cosines are taken of them.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.types import Csr


@dataclass(frozen=True)
class Hats:
    """Strictly increasing `knots`; column j peaks at `knots[j]`."""

    knots: tuple[float, ...]

    @property
    def width(self) -> int:
        """Number of feature columns."""
        return len(self.knots)

    def transform(self, column: pl.Series) -> Csr:
        """Hat values [rows, width], unit length; numbers beyond the outer knots count as the outer knot."""
        value = column.cast(pl.Float64).to_numpy()
        known = np.flatnonzero(np.isfinite(value))
        shape = (len(column), self.width)
        if not self.knots or not len(known):
            return sp.csr_matrix(shape, dtype=np.float32)
        knots = np.asarray(self.knots)
        clipped = np.clip(value[known], knots[0], knots[-1])
        low = np.clip(np.searchsorted(knots, clipped, side="right") - 1, 0, max(len(knots) - 2, 0))
        high = np.minimum(low + 1, len(knots) - 1)
        gap = np.where(high > low, knots[high] - knots[low], 1.0)
        share = (clipped - knots[low]) / gap
        length = np.hypot(share, 1 - share)
        data = np.concatenate([(1 - share) / length, share / length]).astype(np.float32)
        matrix = sp.csr_matrix((data, (np.tile(known, 2), np.concatenate([low, high]))), shape=shape)
        matrix.eliminate_zeros()
        return matrix


def fit_hats(column: pl.Series, *, knots: int = 9) -> Hats:
    """Hats at up to `knots` evenly spaced quantiles of the finite values of `column`."""
    value = column.cast(pl.Float64).to_numpy()
    value = value[np.isfinite(value)]
    if not len(value):
        return Hats(())
    return Hats(tuple(float(q) for q in np.unique(np.quantile(value, np.linspace(0, 1, knots)))))
