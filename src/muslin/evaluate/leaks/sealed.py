"""Seals: the same exam under other names and without a place on disk.

Every id of an item, shopper and family gets the same letter in front, which changes no order, and the dataset no longer
says where it lies. Whoever learns from the world it is given answers just as before. Whoever looked something up by
name, in files or in memory, no longer finds it, and is worse for it.

Source: ours.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from muslin.data.dataset import Dataset
from muslin.evaluate.answers import Answers
from muslin.evaluate.exam import Exam
from muslin.evaluate.finding import Finding
from muslin.evaluate.leaks.signs import surplus

CHECK = "answers from beyond the world"
LIMIT = 4.0
"""Standard deviations from which on the loss is no chance."""
_MARK = "x"


def renamed(dataset: Dataset) -> Dataset:
    """`dataset` with a letter in front of every id and family, and without its root."""
    item, family, user = ((pl.lit(_MARK) + pl.col(name)).alias(name) for name in ("item_id", "family", "user_id"))
    return replace(
        dataset,
        schema=replace(dataset.schema, images=None),
        items=dataset.items.with_columns(item, family),
        users=dataset.users.with_columns(user),
        events=dataset.events.with_columns(item, user),
        root=None,
    )


def lost(exam: Exam, answers: Answers, sealed: Answers, method: str) -> Finding:
    """Of the asked pairs of `exam`, how many `method` ranks lower in the same exam on the `renamed` dataset.

    A violation when it is worse there by more than chance: an honest method's answers are the same, or, where it draws
    its order from names, better and worse alike.
    """
    before, after = (np.reciprocal(a.pairs["rank"].to_numpy().astype(np.float64)) for a in (answers, sealed))
    if len(before) != len(after):
        raise ValueError("the two exams ask different questions")
    item = answers.pairs["item_id"].rank("dense").to_numpy().astype(np.int64)
    difference = before - after
    note = f"{method}: ranks fall when ids are renamed and the files are out of reach, so they came from elsewhere"
    seen = surplus(difference, item) > LIMIT
    return Finding(exam.protocol, exam.seed, CHECK, int((difference > 0).sum()), len(difference), seen, note)
