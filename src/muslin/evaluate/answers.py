"""Puts the questions of an exam to one method and keeps the rank of every true item."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from muslin.evaluate import claims
from muslin.evaluate.exam import Ask, Block, Exam, Scores
from muslin.evaluate.finding import Finding
from muslin.evaluate.metrics import coverage, gini
from muslin.evaluate.offset import offset
from muslin.evaluate.ranking import Ranked, TieBreak, rank
from muslin.features.space import World
from muslin.method import Adaptable, Fitted
from muslin.random import stream
from muslin.scoring import score
from muslin.types import Bools, Events, Ints, Params, Support, preference_matrix

CUTOFF = 20
"""Length of the lists that are judged."""

_CELLS = 16_000_000
"""Scores asked for at once: 64 MB, whatever the number of shoppers."""

_KEPT = 4 * _CELLS
"""Scores remembered from one question to the next: 256 MB."""


@dataclass(frozen=True)
class Answers:
    """What one method did in one exam.

    `pairs`: `view`, `k`, `path`, `user_id`, `item_id`, `rank` (1-based), a row per true item. `lists`: `view`, `k`,
    `domain`, `coverage` (share of candidates in somebody's list), `gini` (of the exposure of the new candidates, of all
    where none is new), `fallback` (share of shoppers answered by popularity).
    `fit_cpu_s`: processor seconds, all threads, that fitting took. `findings`: what a check of its scores found.
    `shown`: of a method that states probabilities, what stands in the lists (`claims.shown`, with `view` and `k`);
    `guessed`: of one that states how uncertain it is, some scores (`claims.guessed`, with `view` and `k`).
    """

    pairs: pl.DataFrame
    lists: pl.DataFrame
    fit_cpu_s: float
    findings: tuple[Finding, ...] = ()
    shown: pl.DataFrame | None = None
    guessed: pl.DataFrame | None = None


class _Part(NamedTuple):
    """What one question, or a block of its shoppers, adds to the answers."""

    pairs: pl.DataFrame
    lists: pl.DataFrame
    shown: pl.DataFrame | None
    guessed: pl.DataFrame | None


def scores_of(fitted: Fitted, exam: Exam) -> Scores:
    """Scores by a fitted method, the way the service computes them; told of new garments' events if it can adapt."""
    world, evidence = exam.world, fitted.method.evidence
    told: list[tuple[Ask, Params]] = []

    def scores(ask: Ask, rows: slice) -> Block:
        if not told or told[-1][0] is not ask:
            told[:] = [(ask, _adapted(fitted, world, ask))]
        users = world.users(ask.users[rows], ask.support, evidence)
        found = score(fitted.method, told[-1][1], world.popularity, users, ask.items)
        stated = claims.claims(fitted.method, told[-1][1], users, ask.items, found.scores)
        return Block(found.scores.numpy(), found.fallback, *stated)

    return scores


def _adapted(fitted: Fitted, world: World, ask: Ask) -> Params:
    """What the method knows once it is told of the revealed events of new garments."""
    if ask.revealed is None or not len(ask.revealed) or not isinstance(fitted.method, Adaptable):
        return fitted.params
    events = ask.revealed
    users, items = (events[key].unique().sort().to_list() for key in ("user_id", "item_id"))
    codes = [events[key].replace_strict(ids, range(len(ids))) for key, ids in (("user_id", users), ("item_id", items))]
    weight, nowhen = events["weight"].to_numpy().astype(np.float32), np.zeros(len(events), dtype=np.int64)
    revealed = Events(codes[0].to_numpy(), codes[1].to_numpy(), weight, nowhen)
    support = Support(
        world.users(users, evidence=fitted.method.evidence),
        world.items(items),
        preference_matrix(revealed, len(users), len(items)),
    )
    return fitted.method.adapt(fitted.params, support)


def floor(ask: Ask, rows: slice) -> Block:
    """Scores that know nothing: all equal, so that the ranking's own tie break makes the order of every shopper.

    Where new garments are to get a share of the places, equal scores would give them all or none: there they are drawn.
    """
    users = len(ask.users[rows])
    scores = np.zeros((users, len(ask.items)), dtype=np.float32)
    if ask.new_share is not None:
        stream(0, "evaluate", "floor", rows.start or 0).random(out=scores, dtype=np.float32)
    return Block(scores, np.zeros(users, dtype=bool))


def answer(exam: Exam, method: str, scores: Scores, fit_cpu_s: float) -> Answers:
    """Answers of `method` to every question; raises `ModelError` when a score is NaN or infinite."""
    remembered = _remembered(scores)
    pairs, lists, shown, guessed = zip(*(_one(exam, ask, method, remembered) for ask in exam.asks), strict=True)
    return Answers(pl.concat(pairs), pl.concat(lists), fit_cpu_s, (), _joined(shown), _joined(guessed))


def _joined(parts: Iterable[pl.DataFrame | None]) -> pl.DataFrame | None:
    found = [part for part in parts if part is not None]
    return pl.concat(found) if found else None


def _remembered(scores: Scores) -> Scores:
    """`scores`, computed once where questions differ by nothing but the places that new garments get."""
    kept: dict[int, Block] = {}
    last: list[Ask] = []

    def same(ask: Ask, rows: slice) -> Block:
        if ask.new_share is None or len(ask.users) * len(ask.items) > _KEPT:
            return scores(ask, rows)
        if not last or last[-1].truth is not ask.truth:
            last[:] = [ask]
            kept.clear()
        if rows.start not in kept:
            kept[rows.start] = scores(ask, rows)
        return kept[rows.start]

    return same


def _one(exam: Exam, ask: Ask, method: str, scores: Scores) -> _Part:
    size = max(1, _CELLS // max(1, len(ask.items)))
    parts = [slice(at, at + size) for at in range(0, len(ask.users), size)]
    if ask.new_share is not None:
        scores = offset(ask, parts, scores, CUTOFF)
    blocks = [_block(exam, ask, rows, method, scores) for rows in parts]
    ranked, silent, shown, guessed = zip(*blocks, strict=True)
    ranks, tops = (np.concatenate(part) for part in zip(*ranked, strict=True))
    new = np.flatnonzero(ask.items.rows >= exam.world.catalogue.n_hot)
    lists = {
        "view": [ask.view],
        "k": [ask.k],
        "domain": [ask.domain],
        "coverage": [coverage(tops, len(ask.items))],
        "gini": [gini(tops, new if len(new) else np.arange(len(ask.items)))],
        "fallback": [float(np.concatenate(silent).mean())],
    }
    stated = [_marked(ask, _joined(part)) for part in (shown, guessed)]
    return _Part(_pairs(ask, ranks), pl.DataFrame(lists, schema_overrides={"k": pl.Int64}), *stated)


def _marked(ask: Ask, found: pl.DataFrame | None) -> pl.DataFrame | None:
    """`found` with the view and the k of its question."""
    return found if found is None else found.with_columns(view=pl.lit(ask.view), k=pl.lit(ask.k, dtype=pl.Int64))


def _block(
    exam: Exam, ask: Ask, rows: slice, method: str, scores: Scores
) -> tuple[Ranked, Bools, pl.DataFrame | None, pl.DataFrame | None]:
    block = scores(ask, rows)
    ties = TieBreak(exam.world.user_rows(ask.users[rows]), ask.items.rows, exam.seed)
    ranked = rank(block.scores, ask.truth[rows], ask.seen[rows], ties, top=CUTOFF, method=method)
    return ranked, block.fallback, claims.shown(ask, rows, block, ranked.top), claims.guessed(ask, rows, block)


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
