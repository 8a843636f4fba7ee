"""Exams on cuts drawn as others describe theirs, where their files are not to be had.

* `newcomers`: shoppers of the H&M week whom nobody has seen, after their first k garments, among all known garments.
* `domains`: shoppers of the H&M week who took things in accessories or apparel only, asked for the other.
* `citeulike_k_shot`: the new articles of the public split of CiteULike-a, after the first k of their readers, drawn at
  random, among themselves. What comes after the first ten is asked, the same at every k; what is told at k is left out
  of the lists at that k, as it was where the figures are from.

Everybody is asked, not a sample.
"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from benchmarks.cold_start.published import CITEULIKE, DATA
from muslin.data.cutting import PAIR, Split
from muslin.data.dataset import Dataset
from muslin.data.sources.registry import source
from muslin.evaluate.exam import Exam, Terms, Told, ask, cold
from muslin.evaluate.protocols import cross_domain, user_cold
from muslin.features.space import encode
from muslin.random import stream

KS = (0, 1, 2, 3, 5, 10)


def newcomers(place: Path) -> Exam:
    """Views `k = 0`, `k = 1` and `k = 3`; the data is imported to the empty `place`."""
    exam = user_cold.build(_hm(place), Terms(0, (0, 1, 3)))
    return replace(exam, asks=tuple(replace(one, view=f"k = {one.k}") for one in exam.asks))


def domains(place: Path) -> Exam:
    """Views `accessories to apparel` and `apparel to accessories`, and any other pair large enough."""
    return cross_domain.build(_hm(place), Terms(0))


def citeulike_k_shot(place: Path) -> Exam:
    """A view `k = N` for each of `KS`."""
    source("citeulike")(CITEULIKE, place)
    return k_shot(Dataset.load(place))


def k_shot(whole: Dataset, ks: tuple[int, ...] = KS, seed: int = 0) -> Exam:
    """The same of any data set whose events have a `part`: `train`, and `cold_...` for those of new items."""
    train = whole.with_events(whole.events.filter(pl.col("part") == "train"))
    known = train.events.select("user_id").unique()
    late = whole.events.filter(pl.col("part").str.starts_with("cold_")).join(known, on="user_id", how="semi")
    late = late.unique(PAIR).sort(PAIR)
    order = pl.Series(stream(seed, "benchmark", "k-shot").permutation(len(late)))
    placed = late.with_columns(place=order).with_columns(place=pl.col("place").rank("ordinal").over("item_id"))
    query = placed.filter(pl.col("place") > ks[-1]).select(PAIR).sort(PAIR)
    new = frozenset(late["item_id"])
    world, split = encode(train), Split(train, query, train.events.clear(), new)
    asks = []
    for k in ks:
        told = placed.filter(pl.col("place") <= k).select(train.events.columns).sort(PAIR)
        asks.append(ask(world, f"k = {k}", query, cold(world, split), Told(k, revealed=told, left_out=told)))
    return Exam("k-shot", seed, split, world, tuple(asks))


def _hm(place: Path) -> Dataset:
    source("hm")(DATA / "hm_week", place)
    return Dataset.load(place)
