"""Columns of an open vocabulary: every value has a place, known or not, so two new garments of a new brand are alike.

A vocabulary fitted on training rows knows nothing of the values that arrive later; for designers, campaigns or prints
that is where new garments differ. Values are hashed into a fixed number of columns with a sign.

Source: Weinberger et al. 2009 (ICML, "Feature hashing for large scale multitask learning"), section 2.
Differs: none. The hash is BLAKE2b of the UTF-8 bytes, the same on every machine and in every version.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.types import Csr

WIDTH = 256


@dataclass(frozen=True)
class Hashed:
    """Hashing into `width` columns; there is nothing to fit."""

    width: int = WIDTH

    def transform(self, column: pl.Series) -> Csr:
        """Signed indicators [rows, width]: one entry of 1 or -1 a row; none where the value is missing."""
        text = column.cast(pl.String)
        unique = text.drop_nulls().unique()
        digests = [int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "little") for value in unique]
        spots = pl.DataFrame(
            {"value": unique, "spot": [d // 2 % self.width for d in digests], "sign": [1 - d % 2 * 2 for d in digests]},
            schema={"value": pl.String, "spot": pl.Int64, "sign": pl.Int64},
        )
        rows = pl.DataFrame({"value": text, "row": np.arange(len(text))})
        hits = rows.join(spots, on="value", how="inner").sort("row")
        place = (hits["row"].to_numpy(), hits["spot"].to_numpy())
        return sp.csr_matrix((hits["sign"].to_numpy().astype(np.float32), place), shape=(len(text), self.width))


def fit_hashed(_column: pl.Series) -> Hashed:
    """The hashing of any column."""
    return Hashed()
