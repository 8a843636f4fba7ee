"""Ratings as evidence of liking: one that is high enough counts, a lower one is kept and counts nothing.

A low rating is no liking, and where nobody rates what they never chose, it is no proof of the contrary either.
"""

import polars as pl

from muslin.data.checked import Note
from muslin.data.columns import as_number

LIKED, RATED = "like", "rate"
WEIGHTS = {LIKED: 1.0, RATED: 0.0}
"""Weights of the two types of event that ratings become."""
SHARE = 0.8
"""Of the highest rating in a file: from where on a rating counts as liking, on scales nobody has described."""


def told_by(frame: pl.DataFrame, rating: str, least: float) -> pl.DataFrame:
    """`frame` with `event` (`like` from `least` up, `rate` below or without a rating) and the rating as `value`."""
    number = as_number(frame[rating], rating).fill_nan(None)
    event = pl.when(number >= least).then(pl.lit(LIKED)).otherwise(pl.lit(RATED)).alias("event")
    return frame.with_columns(event, pl.col(rating).alias("value"))


def highest(frame: pl.DataFrame, rating: str) -> float:
    """The highest rating there is, 0 for none."""
    return max(as_number(frame[rating], rating).fill_nan(None).drop_nulls().to_list(), default=0.0)


def note(frame: pl.DataFrame, least: float) -> Note:
    """What was made of the ratings of a frame that `told_by` made."""
    liked = int((frame["event"] == LIKED).sum())
    text = (
        f"ratings of {least:g} or more count as liking, {liked:,} of {len(frame):,}; lower ones are kept with weight 0"
    )
    return Note("rating_threshold", "events", liked, text)
