"""Honest cuts of a dataset into what may be learned from and what is asked.

Every split is a `Split`: training events and, per shopper asked, the revealed support and the hidden query. Nothing of
a query is ever in `train`.
"""

from dataclasses import dataclass

import polars as pl

from muslin.data.dataset import Dataset
from muslin.errors import DataError
from muslin.random import stream


@dataclass(frozen=True)
class Split:
    """One cut.

    `train`: dataset whose events a method may see (catalogue and profiles are whole; statistics must come from rows
    with training events). `query` (`user_id`, `item_id`): unique pairs to be ranked high, none of them in `train` or
    in the support of its shopper. `support`: events revealed at scoring time of shoppers who are not trained on.
    `cold_items`: `item_id` of items without any training event that are asked for.
    """

    train: Dataset
    query: pl.DataFrame
    support: pl.DataFrame
    cold_items: frozenset[str]


def liked(dataset: Dataset, seed: int) -> pl.DataFrame:
    """Events that say something about taste (weight > 0), by time; those of one instant in random order.

    Logs whose times are days are often sorted by id within the day, and ids tell which garments are newer: "the first
    k" and "the newest" would then be chosen by age of the garment, and a scorer by row number would look clever.
    """
    rows = dataset.events.filter(pl.col("weight") > 0)
    order = stream(seed, "split", "ties").permutation(len(rows))
    return rows.with_columns(_tie=pl.Series(order)).sort("timestamp", "_tie").drop("_tie")


def tied_cuts(dataset: Dataset, split: "Split") -> tuple[int, int]:
    """(n, of how many) asked pairs that happened at the very time of one that their shopper keeps: order unknown."""
    firsts = dataset.events.filter(pl.col("weight") > 0).group_by("user_id", "item_id").agg(pl.col("timestamp").min())
    kept = pl.concat([split.train.events.select("user_id", "item_id"), split.support.select("user_id", "item_id")])
    known = firsts.join(kept.unique(), on=["user_id", "item_id"], how="semi").select("user_id", "timestamp")
    asked = firsts.join(split.query, on=["user_id", "item_id"], how="semi")
    return len(asked.join(known.unique(), on=["user_id", "timestamp"], how="semi")), len(asked)


def item_cold(dataset: Dataset, seed: int, *, share: float = 0.1, warm_share: float = 0.1) -> Split:
    """Strict item cold start: whole families leave training; the query also holds back warm pairs.

    `share` of the families (among those with an event), drawn at random, lose all their events. Of the remaining
    pairs each shopper with two or more gives up the newest with probability such that about `warm_share` of the pairs
    leave, so that cold and warm items can be ranked in one list. Only shoppers with a training event are asked.
    """
    rows = liked(dataset, seed)
    families = rows.join(dataset.items.select("item_id", "family"), on="item_id", how="left")
    held = _drawn(families["family"].unique().sort(), share, seed, "item_cold")
    cold = families.filter(pl.col("family").is_in(held.implode()))
    rest = families.filter(~pl.col("family").is_in(held.implode())).drop("family")
    warm, train = _newest_out(rest, warm_share, seed)
    query = pl.concat([cold.select("user_id", "item_id"), warm.select("user_id", "item_id")])
    return _split(dataset, train, query, train.clear(), frozenset(cold["item_id"].unique()))


def user_cold(dataset: Dataset, seed: int, *, k: int, k_max: int = 3, share: float = 0.1) -> Split:
    """New shoppers: `share` of them leave training; their first `k` items are revealed, those after `k_max` asked.

    The query is the same for every `k <= k_max`, so curves over k compare like with like. Items that lose all their
    events with these shoppers are not asked for.
    """
    if not 0 <= k <= k_max:
        raise ValueError(f"k must be in 0..{k_max}, got {k}")
    rows = liked(dataset, seed)
    held = _drawn(rows["user_id"].unique().sort(), share, seed, "user_cold")
    is_held = pl.col("user_id").is_in(held.implode())
    train = rows.filter(~is_held)
    firsts = _first_of_pair(rows.filter(is_held)).with_columns(nth=pl.int_range(pl.len()).over("user_id"))
    query = firsts.filter(pl.col("nth") >= k_max).join(train.select("item_id").unique(), on="item_id", how="semi")
    support = firsts.filter(pl.col("nth") < k).drop("nth")
    return _split(dataset, train, query.select("user_id", "item_id"), support, frozenset(), keep_new_users=True)


def warm(dataset: Dataset, seed: int, *, share: float = 0.2) -> Split:
    """Known shoppers, known items: the newest pairs of some shoppers leave training, `share` of all pairs.

    One pair a shopper, of those who have two or more: where most have few, nearly everyone is asked.
    """
    out, train = _newest_out(liked(dataset, seed), share, seed)
    return _split(dataset, train, out.select("user_id", "item_id"), train.clear(), frozenset())


def validation(dataset: Dataset, seed: int, *, share: float = 0.05) -> Split:
    """Strict item hold-out inside training data, for early stopping: no warm pairs leave."""
    return item_cold(dataset, seed, share=share, warm_share=0.0)


def _drawn(ids: pl.Series, share: float, seed: int, name: str) -> pl.Series:
    count = round(share * len(ids))
    if count < 1 or count >= len(ids):
        raise DataError(
            f"cannot hold out {share:.0%} of {len(ids)}: nothing would be left on one side",
            code="too_small",
            fix="evaluate a larger dataset or another protocol",
        )
    return ids.gather(stream(seed, "split", name).permutation(len(ids))[:count].tolist())


def _first_of_pair(rows: pl.DataFrame) -> pl.DataFrame:
    """First event of each (shopper, item) pair, in order of time."""
    return rows.unique(["user_id", "item_id"], keep="first", maintain_order=True)


def _newest_out(rows: pl.DataFrame, share: float, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows of the pairs given up, rows kept): the newest pair of some shoppers with at least two pairs."""
    pairs = _first_of_pair(rows)
    newest = pairs.filter(pl.len().over("user_id") >= 2).unique("user_id", keep="last", maintain_order=True)
    wanted = min(round(share * len(pairs)), len(newest))
    picked = stream(seed, "split", "newest").permutation(len(newest))[:wanted]
    gone = newest.sort("user_id")[picked.tolist()].select("user_id", "item_id")
    kept = rows.join(gone, on=["user_id", "item_id"], how="anti", maintain_order="left")
    return rows.join(gone, on=["user_id", "item_id"], how="semi", maintain_order="left"), kept


def _split(
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
    query = query.join(train.select("user_id", "item_id"), on=["user_id", "item_id"], how="anti")
    if not keep_new_users:
        query = query.join(train.select("user_id").unique(), on="user_id", how="semi")
    query = query.sort("user_id", "item_id")
    if query.is_empty():
        raise DataError("the split leaves nothing to ask", code="too_small", fix="use more events or another protocol")
    return Split(dataset.with_events(train.sort("timestamp", "user_id", "item_id")), query, support, cold)
