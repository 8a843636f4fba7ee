"""A price beside those of its kind: 50 is much for a T-shirt and little for a coat.

The price is divided by the median of its category, from the finest level of the path with enough training rows behind
it; the logarithm of that is encoded as any number is (`features.numeric`). Medians come from training rows alone.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from muslin.features.numeric import Hats, fit_hats
from muslin.types import Csr

ENOUGH = 5
"""Training rows from which a median is taken; with fewer the next coarser level speaks."""
_BETWEEN = "\x1f"


@dataclass(frozen=True)
class Relative:
    """`medians` by category path of each level (key: the values joined), coarse to fine, and `overall` of all rows."""

    price: str
    levels: tuple[str, ...]
    medians: tuple[dict[str, float], ...]
    overall: float
    hats: Hats

    @property
    def width(self) -> int:
        """Number of feature columns."""
        return self.hats.width

    def transform(self, frame: pl.DataFrame) -> Csr:
        """Hat values [rows, width] of log(price / median); empty where the price is missing or not above zero."""
        return self.hats.transform(_logs(frame, self.price, self.levels, self.medians, self.overall))


def fit_relative(frame: pl.DataFrame, price: str, levels: tuple[str, ...]) -> Relative:
    """Medians and hats of the rows of `frame`, which has the numeric column `price` and the text columns `levels`."""
    sold = frame.with_columns(pl.col(price).cast(pl.Float64)).filter((pl.col(price) > 0) & pl.col(price).is_finite())
    medians = []
    for depth in range(1, len(levels) + 1):
        path = pl.concat_str(levels[:depth], separator=_BETWEEN).alias("path")
        table = sold.group_by(path).agg(pl.col(price).median(), pl.len()).filter(pl.col("len") >= ENOUGH)
        table = table.drop_nulls("path").sort("path")
        medians.append(dict(zip(table["path"].to_list(), table[price].to_list(), strict=True)))
    found = sold[price].median()
    overall = float(found) if isinstance(found, int | float) else 1.0
    return Relative(
        price, levels, tuple(medians), overall, fit_hats(_logs(frame, price, levels, tuple(medians), overall))
    )


def _logs(
    frame: pl.DataFrame, price: str, levels: tuple[str, ...], medians: tuple[dict[str, float], ...], overall: float
) -> pl.Series:
    columns = [c for c in (price, *levels) if c not in frame.columns]
    frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(c) for c in columns)
    usual = pl.repeat(overall, len(frame), dtype=pl.Float64, eager=True)
    for depth, known in enumerate(medians, start=1):
        path = frame.select(pl.concat_str(levels[:depth], separator=_BETWEEN).alias("path"))["path"]
        keys, values = list(known), list(known.values())
        if keys:
            usual = path.replace_strict(keys, values, default=None, return_dtype=pl.Float64).fill_null(usual)
    value = frame[price].cast(pl.Float64).to_numpy()
    ratio = np.divide(value, usual.to_numpy(), out=np.full(len(value), np.nan), where=value > 0)
    return pl.Series(price, np.log(ratio))
