"""Coins: a canary that catches any method, or protocol, through which a hidden answer can be seen.

Every item is listed twice, alike in all features and in family, and a fair coin decides for every (shopper, item) pair
under which of the two listings it happened. The coins of the hidden pairs are in nothing that may be learned from: a
method can know that a shopper wants the item, but not which listing. Over many pairs an honest method prefers the right
one half of the time, whatever it is; one that has seen the answers prefers it more often. It does not matter how they
were seen: in the events on disk, in a statistic of all rows, in a history that holds the query.

The test: given everything that may be learned, each hidden coin is still fair, so the sum over the asked pairs of
(wins - losses) is compared with what random signs make of it. Only pairs of which both listings stay candidates however
the coin falls count. (A cut that counts the events of an item, as k-shot does, counts them by listing: there the test
is nearly exact only.)

Source: ours; planting what only a leak can find is known as a canary or honeytoken, the test is Fisher's randomisation
by signs (1935).
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.schema import write_schema
from muslin.evaluate.exam import Ask, Exam, Scores
from muslin.evaluate.finding import Finding
from muslin.evaluate.leaks.signs import surplus
from muslin.random import stream
from muslin.types import Bools, Ints

CHECK = "hidden coins guessed"
LIMIT = 4.0
"""Standard deviations above a half from which on it is no chance: once in 30,000 honest exams."""
_SIDES = ("~0", "~1")
_BLOCK = 256


def with_coins(dataset: Dataset, seed: int, folder: Path | None = None) -> Dataset:
    """`dataset` with every item listed twice and its events dealt out between the listings by coins.

    `folder`: an empty directory to which it is also written whole, hidden events and all, so that a method that reads
    where it should not finds something there.
    """
    listed = [dataset.items.with_columns(pl.col("item_id") + side) for side in _SIDES]
    pairs = dataset.events.select("user_id", "item_id").unique().sort("user_id", "item_id")
    sides = stream(seed, "audit", "coins").integers(2, size=len(pairs))
    coins = pairs.with_columns(side=pl.Series([_SIDES[s] for s in sides], dtype=pl.String))
    dealt = dataset.events.join(coins, on=["user_id", "item_id"], how="left", maintain_order="left")
    events = dealt.with_columns(pl.col("item_id") + pl.col("side")).drop("side")
    schema = replace(dataset.schema, images=None)  # pictures go by the ids there were
    made = replace(dataset, schema=schema, items=pl.concat(listed), events=events, root=folder)
    if folder is not None:
        for name in ("items", "users", "events"):
            getattr(made, name).write_parquet(folder / f"{name}.parquet")
        write_schema(schema, folder / "dataset.toml")
    return made


def guessed(exam: Exam, scores: Scores, method: str) -> Finding:
    """Of the asked pairs of an `exam` on a dataset `with_coins`, how many listings `method` prefers rightly.

    `total` leaves out pairs whose listings score alike. A violation when they are too many. A pair asked in several
    views or at several k counts for each, but stands or falls as one.
    """
    pairs, won = zip(*(_duels(exam, ask, scores) for ask in exam.asks), strict=True)
    pair, sign = np.concatenate(pairs), np.concatenate(won)
    wins, decided = int((sign > 0).sum()), int((sign != 0).sum())
    note = f"{method}: of two listings only a hidden coin tells apart, more than half are preferred rightly"
    seen = surplus(sign, pair) > LIMIT
    return Finding(exam.protocol, exam.seed, CHECK, wins, decided, seen, note)


def _duels(exam: Exam, ask: Ask, scores: Scores) -> tuple[Ints, Ints]:
    """(pair, +1 where the listing taken scores higher than the other, -1 lower, 0 alike) of each pair that counts."""
    other, stays = _other_listing(exam, ask), _stays(exam, ask)
    found = [_block(ask, slice(at, at + _BLOCK), other, stays, scores) for at in range(0, len(ask.users), _BLOCK)]
    users, columns, signs = (np.concatenate(part) for part in zip(*found, strict=True))
    shopper = exam.world.user_rows(ask.users)[users]
    return shopper * len(exam.world.catalogue) + ask.items.rows[columns], signs


def _block(ask: Ask, rows: slice, other: Ints, stays: Bools, scores: Scores) -> tuple[Ints, Ints, Ints]:
    found, truth = scores(ask, rows).scores, ask.truth[rows].tocoo()
    counts = stays[truth.col] & (other[truth.col] >= 0)
    users, columns = truth.row[counts].astype(np.int64), truth.col[counts].astype(np.int64)
    signs = np.sign(found[users, columns] - found[users, other[columns]]).astype(np.int64)
    return users + rows.start, columns, signs


def _stays(exam: Exam, ask: Ask) -> Bools:
    """Whether each candidate would be one without any single asked pair."""
    asked = exam.split.query["item_id"]
    often = set(asked.filter(asked.is_duplicated()))
    hot = ask.items.rows < exam.world.catalogue.n_hot
    stays: Bools = np.array([name in often for name in exam.world.catalogue.ids[ask.items.rows]], dtype=bool) | hot
    return stays


def _other_listing(exam: Exam, ask: Ask) -> Ints:
    """Column of the other listing of each candidate, -1 where that is no candidate."""
    ids = exam.world.catalogue.ids[ask.items.rows]
    column = {name: n for n, name in enumerate(ids)}
    return np.array([column.get(other, -1) for other in _swapped(ids)], dtype=np.int64)


def _swapped(ids: np.ndarray) -> Iterator[str]:
    first, second = _SIDES
    for name in ids:
        yield name.removesuffix(first) + second if name.endswith(first) else name.removesuffix(second) + first
