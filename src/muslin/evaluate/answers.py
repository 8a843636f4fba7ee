"""Puts the questions of an exam to one method and keeps the rank of every true item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from muslin.evaluate.metrics import coverage
from muslin.evaluate.protocol import Ask, Exam
from muslin.evaluate.ranking import TieBreak, rank
from muslin.method import Fitted
from muslin.scoring import score
from muslin.types import Bools, Floats, Ints, Items

CUTOFF = 20
"""Length of the lists that are judged."""

_CELLS = 16_000_000
"""Scores asked for at once: 64 MB, whatever the number of shoppers."""


class Block(NamedTuple):
    """Scores [U, I], and which shoppers [U] were answered by popularity for want of anything known about them."""

    scores: Floats
    fallback: Bools


Scores = Callable[[Sequence[str], pl.DataFrame | None, Items], Block]
"""Scores of candidates for shoppers given by id and the events revealed of them."""


@dataclass(frozen=True)
class Answers:
    """What one method did in one exam.

    `pairs`: `view`, `k`, `path`, `user_id`, `item_id`, `rank` (1-based), a row per true item. `lists`: `view`, `k`,
    `coverage` (share of candidates in somebody's list), `fallback` (share of shoppers answered by popularity).
    `fit_cpu_s`: processor seconds, all threads, that fitting took.
    """

    pairs: pl.DataFrame
    lists: pl.DataFrame
    fit_cpu_s: float


def scores_of(fitted: Fitted, exam: Exam) -> Scores:
    """Scores by a fitted method, the way the service computes them."""
    world = exam.world

    def scores(users: Sequence[str], support: pl.DataFrame | None, items: Items) -> Block:
        found = score(
            fitted.method, fitted.params, world.popularity, world.users(users, support, fitted.method.evidence), items
        )
        return Block(found.scores.numpy(), found.fallback)

    return scores


def floor(users: Sequence[str], _support: pl.DataFrame | None, items: Items) -> Block:
    """Scores that know nothing: all equal, so that the ranking's own tie break makes the order of every shopper."""
    return Block(np.zeros((len(users), len(items)), dtype=np.float32), np.zeros(len(users), dtype=bool))


def answer(exam: Exam, method: str, scores: Scores, fit_cpu_s: float) -> Answers:
    """Answers of `method` to every question; raises `ModelError` when a score is NaN or infinite."""
    pairs, lists = zip(*(_one(exam, ask, method, scores) for ask in exam.asks), strict=True)
    return Answers(pl.concat(pairs), pl.concat(lists), fit_cpu_s)


def _one(exam: Exam, ask: Ask, method: str, scores: Scores) -> tuple[pl.DataFrame, pl.DataFrame]:
    size = max(1, _CELLS // max(1, len(ask.items)))
    blocks = [_block(exam, ask, slice(at, at + size), method, scores) for at in range(0, len(ask.users), size)]
    ranks, tops, fallback = (np.concatenate(part) for part in zip(*blocks, strict=True))
    share = coverage(tops, len(ask.items))
    lists = {"view": [ask.view], "k": [ask.k], "coverage": [share], "fallback": [float(fallback.mean())]}
    return _pairs(ask, ranks), pl.DataFrame(lists, schema_overrides={"k": pl.Int64})


def _block(exam: Exam, ask: Ask, rows: slice, method: str, scores: Scores) -> tuple[Ints, Ints, Bools]:
    users = ask.users[rows]
    block = scores(users, ask.support, ask.items)
    ties = TieBreak(exam.world.user_rows(users), ask.items.rows, exam.seed)
    ranked = rank(block.scores, ask.truth[rows], ask.seen[rows], ties, top=CUTOFF, method=method)
    return ranked.ranks, ranked.top, block.fallback


def _pairs(ask: Ask, ranks: Ints) -> pl.DataFrame:
    user = np.repeat(np.arange(len(ask.users)), np.diff(ask.truth.indptr))
    column = ask.truth.indices
    return pl.DataFrame(
        {
            "view": pl.repeat(ask.view, len(ranks), eager=True),
            "k": pl.repeat(ask.k, len(ranks), dtype=pl.Int64, eager=True),
            "path": pl.Series(ask.labels[column].tolist(), dtype=pl.String),
            "user_id": pl.Series(ask.users, dtype=pl.String).gather(user),
            "item_id": pl.Series(ask.items.catalogue.ids[ask.items.rows[column]].tolist(), dtype=pl.String),
            "rank": ranks,
        }
    )
