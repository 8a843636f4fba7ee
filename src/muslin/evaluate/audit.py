"""Leakage audit of a cut: what the training side knows about the asked side that it would not know in the shop.

Published gains have come from near-twins on both sides of a cut, so every evaluation counts them. Checks that the cut
itself promises are violations when they find anything; the others say how easy, or how much out of order, the questions
are.
"""

import numpy as np
import polars as pl

from muslin.data.cutting import PAIR, tied_cuts
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam
from muslin.evaluate.finding import Finding, finding
from muslin.evaluate.leaks.pictures import recognised
from muslin.evaluate.leaks.shared_buyers import asked_twins, twin_items
from muslin.features.near_duplicates import Prints
from muslin.features.space import World
from muslin.random import stream
from muslin.types import Csr, Ints

NEW_SHOPPERS = ("user-cold", "both-cold")
"""Protocols that ask new shoppers only."""


def audit(dataset: Dataset, exam: Exam, prints: Prints | None = None) -> tuple[Finding, ...]:
    """All checks of one cut; `dataset` is the whole from which it was made.

    `prints`: fingerprints of its pictures (`leaks.pictures.prints_of`), for the check of pictures across the cut.
    """
    findings = [_asked_in_training(exam), _asked_in_support(exam)]
    if exam.split.cold_items:
        findings += [_cold_items_in_training(exam), _families(dataset, exam), _twins(exam)]
        findings += [_pictures(exam, prints)] if prints is not None else []
    if exam.protocol in NEW_SHOPPERS:
        findings.append(_users(exam))
    if dataset.items["domain"].n_unique() > 1:
        findings.append(_shared_buyers(dataset, exam))
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


def _asked_in_training(exam: Exam) -> Finding:
    query, train = exam.split.query, exam.split.train.events
    count = len(query.join(train, on=["user_id", "item_id"], how="semi"))
    return finding(exam, "asked pairs in training", count, len(query), "the answer was learned", forbidden=True)


def _asked_in_support(exam: Exam) -> Finding:
    query, support = exam.split.query, _told(exam)
    count = len(query.join(support, on=["user_id", "item_id"], how="semi"))
    return finding(exam, "asked pairs in support", count, len(query), "the answer was revealed", forbidden=True)


def _cold_items_in_training(exam: Exam) -> Finding:
    cold = list(exam.split.cold_items)
    count = exam.split.train.events.filter(pl.col("item_id").is_in(cold))["item_id"].n_unique()
    return finding(exam, "cold items in training", count, len(cold), "the garment is not new", forbidden=True)


def _families(dataset: Dataset, exam: Exam) -> Finding:
    family = dataset.items.select("item_id", "family")
    cold = family.filter(pl.col("item_id").is_in(list(exam.split.cold_items)))["family"].unique()
    trained = family.join(exam.split.train.events, on="item_id", how="semi")["family"].unique()
    count = int(cold.is_in(trained.implode()).sum())
    note, dated = "a sibling was learned", exam.protocol == "time"  # a date cannot keep a family together
    return finding(exam, "families across the cut", count, len(cold), note, forbidden=not dated)


def _twins(exam: Exam) -> Finding:
    cold = exam.world.item_rows(sorted(exam.split.cold_items))
    note = "same features as a garment in training: any content method finds these"
    return finding(exam, "exact feature twins", len(twins(exam.world, cold)), len(cold), note, forbidden=False)


def _pictures(exam: Exam, prints: Prints) -> Finding:
    count, total = recognised(prints, exam.split.cold_items, exam.split.train.events["item_id"].unique())
    note = "nearly the picture of a garment in training: one photograph, or one garment listed twice"
    return finding(exam, "near-duplicate pictures", count, total, note, forbidden=False)


def _shared_buyers(dataset: Dataset, exam: Exam) -> Finding:
    liked = dataset.events.filter(pl.col("weight") > 0).join(dataset.items.select("item_id", "domain"), on="item_id")
    known = pl.concat([exam.split.train.events.select(PAIR), _told(exam)])
    count = len(asked_twins(known, exam.split.query, twin_items(liked)))
    note = "the shopper is known to have a listing of another domain with the same buyers: likely the same product"
    return finding(exam, "cross-domain twins", count, len(exam.split.query), note, forbidden=False)


def _told(exam: Exam) -> pl.DataFrame:
    """Pairs revealed when the questions are put."""
    return pl.concat([part.select(PAIR) for part in (exam.split.support, exam.split.revealed) if len(part.columns)])


def _users(exam: Exam) -> Finding:
    asked = exam.split.query.select("user_id").unique()
    count = len(asked.join(exam.split.train.events, on="user_id", how="semi"))
    return finding(exam, "shoppers across the cut", count, len(asked), "the shopper is not new", forbidden=True)


def _tied(dataset: Dataset, exam: Exam) -> Finding:
    count, total = tied_cuts(dataset, exam.split)
    note = "asked for at the same instant as something known: baskets, in which before and after are chance"
    return finding(exam, "tied in time", count, total, note, forbidden=False)


def _future(dataset: Dataset, exam: Exam) -> Finding:
    asked = dataset.events.join(exam.split.query, on=["user_id", "item_id"], how="semi")["timestamp"]
    train = exam.split.train.events["timestamp"]
    count = int((train > asked.min()).sum()) if len(asked) else 0
    note = "training events later than the first asked one: the cut is random, not by date"
    return finding(exam, "future statistics", count, len(train), note, forbidden=False)
