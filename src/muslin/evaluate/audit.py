"""Leakage audit of a cut: what the training side knows about the asked side that it would not know in the shop.

Published gains have come from near-twins on both sides of a cut, so every evaluation counts them. Checks that the cut
itself promises are violations when they find anything; the others say how easy, or how much out of order, the questions
are.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from muslin.data.cutting import tied_cuts
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam
from muslin.features.space import World
from muslin.random import stream
from muslin.types import Csr, Ints


@dataclass(frozen=True)
class Finding:
    """One check of one cut: `count` of `total` things were found, and whether any is forbidden (`violation`)."""

    protocol: str
    seed: int
    check: str
    count: int
    total: int
    violation: bool
    note: str

    @property
    def share(self) -> float:
        """`count / total`, 0 where there was nothing to check."""
        return self.count / self.total if self.total else 0.0


def audit(dataset: Dataset, exam: Exam) -> tuple[Finding, ...]:
    """All checks of one cut; `dataset` is the whole from which it was made."""
    findings = [_asked_in_training(exam), _asked_in_support(exam)]
    if exam.protocol == "item-cold":
        findings += [_cold_items_in_training(exam), _families(dataset, exam), _twins(exam)]
    if exam.protocol == "user-cold":
        findings.append(_users(exam))
    return (*findings, _future(dataset, exam), _tied(dataset, exam))


def twins(world: World, rows: Ints) -> Ints:
    """Those of the catalogue `rows` whose features equal, exactly, those of an item with training events.

    Rows without any feature are not counted: knowing nothing gives nothing away.
    """
    matrix: Csr = world.catalogue.features.matrix
    # Equal sparse rows have bit-equal products; two random directions make unequal ones differ.
    directions = stream(0, "audit", "twins").standard_normal((matrix.shape[1], 2))
    marks = (matrix.sorted_indices().astype(np.float64) @ directions).view(np.complex128).ravel()
    told = np.diff(matrix.indptr) > 0
    hot = np.arange(world.catalogue.n_hot)
    found: Ints = rows[np.isin(marks[rows], marks[hot[told[hot]]]) & told[rows]]
    return found


def _finding(exam: Exam, check: str, count: int, total: int, note: str, *, forbidden: bool) -> Finding:
    return Finding(exam.protocol, exam.seed, check, count, total, forbidden and count > 0, note)


def _asked_in_training(exam: Exam) -> Finding:
    query, train = exam.split.query, exam.split.train.events
    count = len(query.join(train, on=["user_id", "item_id"], how="semi"))
    return _finding(exam, "asked pairs in training", count, len(query), "the answer was learned", forbidden=True)


def _asked_in_support(exam: Exam) -> Finding:
    query, support = exam.split.query, exam.split.support
    count = len(query.join(support, on=["user_id", "item_id"], how="semi"))
    return _finding(exam, "asked pairs in support", count, len(query), "the answer was revealed", forbidden=True)


def _cold_items_in_training(exam: Exam) -> Finding:
    cold = list(exam.split.cold_items)
    count = exam.split.train.events.filter(pl.col("item_id").is_in(cold))["item_id"].n_unique()
    return _finding(exam, "cold items in training", count, len(cold), "the garment is not new", forbidden=True)


def _families(dataset: Dataset, exam: Exam) -> Finding:
    family = dataset.items.select("item_id", "family")
    cold = family.filter(pl.col("item_id").is_in(list(exam.split.cold_items)))["family"].unique()
    trained = family.join(exam.split.train.events, on="item_id", how="semi")["family"].unique()
    count = int(cold.is_in(trained.implode()).sum())
    return _finding(exam, "families across the cut", count, len(cold), "a sibling was learned", forbidden=True)


def _twins(exam: Exam) -> Finding:
    cold = exam.world.item_rows(sorted(exam.split.cold_items))
    note = "same features as a garment in training: any content method finds these"
    return _finding(exam, "exact feature twins", len(twins(exam.world, cold)), len(cold), note, forbidden=False)


def _users(exam: Exam) -> Finding:
    asked = exam.split.query.select("user_id").unique()
    count = len(asked.join(exam.split.train.events, on="user_id", how="semi"))
    return _finding(exam, "shoppers across the cut", count, len(asked), "the shopper is not new", forbidden=True)


def _tied(dataset: Dataset, exam: Exam) -> Finding:
    count, total = tied_cuts(dataset, exam.split)
    note = "asked for at the same instant as something known: baskets, in which before and after are chance"
    return _finding(exam, "tied in time", count, total, note, forbidden=False)


def _future(dataset: Dataset, exam: Exam) -> Finding:
    asked = dataset.events.join(exam.split.query, on=["user_id", "item_id"], how="semi")["timestamp"]
    train = exam.split.train.events["timestamp"]
    count = int((train > asked.min()).sum()) if len(asked) else 0
    note = "training events later than the first asked one: the cut is random, not by date"
    return _finding(exam, "future statistics", count, len(train), note, forbidden=False)
