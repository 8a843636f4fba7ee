"""What every cut of a dataset is made of: who and what is drawn, which pair came first, what can honestly be asked."""

from dataclasses import dataclass, field

import polars as pl

from muslin.data.dataset import Dataset
from muslin.errors import DataError
from muslin.random import stream

PAIR = ["user_id", "item_id"]


@dataclass(frozen=True)
class Split:
    """One cut.

    `train`: dataset whose events a method may see (catalogue and profiles are whole; statistics must come from rows
    with training events). `query` (`user_id`, `item_id`): unique pairs to be ranked high, none of them in `train` or
    in the support of its shopper. `support`: events revealed at scoring time of shoppers who are not trained on.
    `cold_items`: `item_id` of items without any training event that are asked for. `revealed`: events of cold items
    with shoppers who are trained on, known at scoring time.
    """

    train: Dataset
    query: pl.DataFrame
    support: pl.DataFrame
    cold_items: frozenset[str]
    revealed: pl.DataFrame = field(default_factory=pl.DataFrame)


def liked(dataset: Dataset, seed: int) -> pl.DataFrame:
    """Events that say something about taste (weight > 0), by time; those of one instant in random order.

    Logs whose times are days are often sorted by id within the day, and ids tell which garments are newer: "the first
    k" and "the newest" would then be chosen by age of the garment, and a scorer by row number would look clever.
    """
    rows = dataset.events.filter(pl.col("weight") > 0)
    order = stream(seed, "split", "ties").permutation(len(rows))
    return rows.with_columns(_tie=pl.Series(order)).sort("timestamp", "_tie").drop("_tie")


def tied_cuts(dataset: Dataset, split: Split) -> tuple[int, int]:
    """(n, of how many) asked pairs that happened at the very time of one that their shopper keeps: order unknown."""
    firsts = dataset.events.filter(pl.col("weight") > 0).group_by(PAIR).agg(pl.col("timestamp").min())
    kept = pl.concat([split.train.events.select(PAIR), split.support.select(PAIR)])
    known = firsts.join(kept.unique(), on=PAIR, how="semi").select("user_id", "timestamp")
    asked = firsts.join(split.query, on=PAIR, how="semi")
    return len(asked.join(known.unique(), on=["user_id", "timestamp"], how="semi")), len(asked)


def drawn(ids: pl.Series, share: float, seed: int, name: str) -> pl.Series:
    """`share` of `ids` at random; raises `DataError` (`too_small`) where that is none or all of them."""
    count = round(share * len(ids))
    if count < 1 or count >= len(ids):
        raise DataError(
            f"cannot hold out {share:.0%} of {len(ids)}: nothing would be left on one side",
            code="too_small",
            fix="evaluate a larger dataset or another protocol",
        )
    return ids.gather(stream(seed, "split", name).permutation(len(ids))[:count].tolist())


def among(column: str, ids: pl.Series) -> pl.Expr:
    """Whether `column` is one of `ids`."""
    return pl.col(column).is_in(ids.implode())


def first_of_pair(rows: pl.DataFrame) -> pl.DataFrame:
    """First event of each (shopper, item) pair, in order of time."""
    return rows.unique(PAIR, keep="first", maintain_order=True)


def newest_out(rows: pl.DataFrame, share: float, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows of the pairs given up, rows kept): the newest pair of some shoppers with at least two pairs."""
    pairs = first_of_pair(rows)
    newest = pairs.filter(pl.len().over("user_id") >= 2).unique("user_id", keep="last", maintain_order=True)
    wanted = min(round(share * len(pairs)), len(newest))
    picked = stream(seed, "split", "newest").permutation(len(newest))[:wanted]
    gone = newest.sort("user_id")[picked.tolist()].select(PAIR)
    kept = rows.join(gone, on=PAIR, how="anti", maintain_order="left")
    return rows.join(gone, on=PAIR, how="semi", maintain_order="left"), kept


def make_split(
    dataset: Dataset,
    train: pl.DataFrame,
    query: pl.DataFrame,
    support: pl.DataFrame,
    cold: frozenset[str],
    *,
    keep_new_users: bool = False,
) -> Split:
    """Split with the query reduced to unique pairs that can honestly be asked."""
    known = pl.concat([train.select("item_id"), pl.DataFrame({"item_id": list(cold)}, schema={"item_id": pl.String})])
    query = query.unique().join(known.unique(), on="item_id", how="semi")
    query = query.join(train.select(PAIR), on=PAIR, how="anti")
    if not keep_new_users:
        query = query.join(train.select("user_id").unique(), on="user_id", how="semi")
    query = query.sort("user_id", "item_id")
    if query.is_empty():
        raise DataError("the split leaves nothing to ask", code="too_small", fix="use more events or another protocol")
    return Split(dataset.with_events(train.sort("timestamp", "user_id", "item_id")), query, support, cold)
