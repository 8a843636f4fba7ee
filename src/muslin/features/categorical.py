"""Categorical and multi-valued columns: a vocabulary fitted on training rows, one column per value.

A value never seen in training, and a missing one, leave the row's block empty: nothing is known, and nothing is
claimed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.types import Csr


@dataclass(frozen=True)
class Vocabulary:
    """Known values; the column of `values[j]` is j."""

    values: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of feature columns."""
        return len(self.values)

    def transform(self, column: pl.Series) -> Csr:
        """Indicator matrix [rows, width]; rows of a list column are scaled to unit length."""
        lists = column if column.dtype == pl.List else column.cast(pl.String).reshape((len(column), 1)).arr.to_list()
        flat = pl.DataFrame({"row": np.arange(len(column)), "value": lists}).explode("value", empty_as_null=True)
        codes = pl.DataFrame({"value": self.values, "code": np.arange(len(self.values))}, schema_overrides=_KEY)
        hits = flat.join(codes, on="value", how="inner").unique(["row", "code"]).sort("row", "code")
        rows = hits["row"].to_numpy()
        per_row = np.bincount(rows, minlength=len(column))
        data = (1 / np.sqrt(per_row[rows])).astype(np.float32)
        return sp.csr_matrix((data, (rows, hits["code"].to_numpy())), shape=(len(column), self.width))


_KEY = {"value": pl.String}


def fit_vocabulary(column: pl.Series) -> Vocabulary:
    """Vocabulary of the values in `column` (String or List[String]), sorted."""
    flat = column.explode(empty_as_null=True) if column.dtype == pl.List else column
    found: Sequence[str] = flat.cast(pl.String).drop_nulls().unique().sort().to_list()
    return Vocabulary(tuple(found))
