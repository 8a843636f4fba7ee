"""Embedding columns: vectors of a picture or a text encoder, or the shop's own, made comparable by cosine.

The mean of the training rows is taken off first: encoders put everything they see into a narrow cone, where any two
vectors look alike. Source: mean removal as in Mu and Viswanath 2018 (ICLR, "All-but-the-top"), section 3. Differs: no
leading directions are removed; what is learned on top can do that itself.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from muslin.types import Floats


@dataclass(frozen=True)
class Centre:
    """Mean [E] of the training vectors; empty when no training row had one."""

    mean: tuple[float, ...]

    def vectors(self, column: pl.Series) -> Floats:
        """[rows, E] unit length after the mean is taken off; all zero where there is no vector.

        Raises ValueError when the vectors are not E long.
        """
        width = len(self.mean)
        out = np.zeros((len(column), width), dtype=np.float32)
        known = np.flatnonzero(column.is_not_null().to_numpy())
        if not width or not len(known):
            return out
        centred = matrix_of(column.drop_nulls(), width) - np.asarray(self.mean, dtype=np.float32)
        out[known] = unit(centred)
        return out


def unit(vectors: Floats) -> Floats:
    """`vectors` [n, E] scaled to unit length; one that is nothing but rounding becomes zero: it says nothing."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-6)
    return scaled


def fit_centre(column: pl.Series) -> Centre:
    """Centre of the vectors in `column` (List or Array of floats, null where missing)."""
    known = column.drop_nulls()
    if not len(known):
        return Centre(())
    width = len(known[0])
    return Centre(tuple(matrix_of(known, width).mean(axis=0, dtype=np.float64).tolist()))


def matrix_of(column: pl.Series, width: int) -> Floats:
    """[rows, width] of a column without nulls; raises ValueError when a row is not `width` long."""
    flat = column.cast(pl.List(pl.Float32)).explode(empty_as_null=False).to_numpy()
    if len(flat) != len(column) * width:
        raise ValueError(f"{column.name}: vectors are not all {width} long")
    return np.asarray(flat, dtype=np.float32).reshape(len(column), width)
