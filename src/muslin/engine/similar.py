"""Garments that are alike: the nearest of the catalogue to a garment, or to words, column by column.

Source: the vector space model, Salton, Wong and Yang 1975 (CACM 18(11)), with the cosine as likeness.
Differs: each column (attribute, text, embedding) gives its own cosine, and their mean is taken over the columns that
both sides have, so that a missing picture makes a garment neither near nor far.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl
import torch

from muslin.engine import rank
from muslin.errors import UsageError, nearest
from muslin.features.embed import embedded
from muslin.features.space import World
from muslin.nets.blend import Columns
from muslin.nets.blend import columns as by_column
from muslin.types import Features, Floats, Ints

BLOCK_CELLS = 16_000_000
"""Scores held at once (64 MB as float32)."""

_DIGITS = 6  # sums in float32 agree this far in any order: garments closer than that are equally near


def similar(world: World, item_ids: Sequence[str], k: int, *, columns: Collection[str] | None = None) -> pl.DataFrame:
    """The `k` garments nearest to each of `item_ids`, nearest first: `item_id, similar_id, score, rank`.

    `item_ids` must be known. `score` is the mean of the cosines (-1..1) of the named `columns` (all unless named) that
    both garments have; one that shares none is left out. So are the garment itself and its whole family. Equal scores
    are in order of id. Raises `UsageError` (`unknown_column`, `no_columns`).
    """
    known = _names(world.catalogue.features)
    content = world.catalogue.features.only(_checked(known if columns is None else columns, known))
    rows = world.item_rows(item_ids)
    found = _nearest(world, content.take(rows), content, world.catalogue.family[rows], k)
    return _named("item_id", item_ids, found)


def similar_to_words(
    world: World, texts: Sequence[str], k: int, *, columns: Collection[str] | None = None
) -> pl.DataFrame:
    """The `k` garments whose words are nearest to each of `texts`, nearest first: `text, similar_id, score, rank`.

    A text is compared as if it stood in each of `columns`: vectors that a text encoder made (see `features.embed`), all
    of them unless named. With an encoder that knows both languages Chinese finds English. A blank text finds nothing.
    Raises `UsageError` (`unknown_column`, `no_columns`), and what loading an encoder raises.
    """
    schema = world.dataset.schema
    known = {name: origin.text for name, origin in schema.encoded.items() if origin.text is not None}
    asked = _checked(known if columns is None else columns, known)
    column = pl.Series(list(texts), dtype=pl.String)
    frame = pl.DataFrame({"item_id": column, **{known[name]: column for name in asked}})
    only = replace(schema, encoded={name: schema.encoded[name] for name in asked})
    queries = world.space.items.transform(embedded(frame, only, {}).select(*asked)).only(asked)
    nobody = np.full(len(texts), -1, dtype=np.int64)
    return _named("text", texts, _nearest(world, queries, world.catalogue.features.only(asked), nobody, k))


def likeness(world: World, rows: Ints, others: Ints) -> Floats:
    """[R, O] mean of the cosines of the columns that each of `rows` and each of `others` both have; -inf where none."""
    content = world.catalogue.features
    return _mean_cosine(_unit(content.take(rows)), _unit(content.take(others)))


class Agreement(NamedTuple):
    """Shares (0..1) of pairs of garments that have the same value."""

    nearest: float
    """Of those of rank 1."""
    found: float
    """Of all that were found."""
    chance: float
    """Of any two garments of the catalogue."""


def agreement(world: World, found: pl.DataFrame, column: str) -> Agreement:
    """How often garments and what `similar` `found` have the same value of `column`; those without one do not count.

    NaN where there is nothing to count. Raises `UsageError` (`unknown_column`) when the items have no such column.
    """
    items = world.dataset.items
    _checked(column, items.columns)
    value = items.select("item_id", value=pl.col(column)).drop_nulls()
    pairs = found.join(value, on="item_id").join(value, left_on="similar_id", right_on="item_id", suffix="_there")
    same = pairs.select("rank", same=pl.col("value") == pl.col("value_there"))
    shares = value["value"].value_counts(normalize=True)["proportion"].to_numpy()
    first = same.filter(pl.col("rank") == 1)["same"].to_numpy()
    return Agreement(_mean(first), _mean(same["same"].to_numpy()), float((shares**2).sum()))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _names(features: Features) -> list[str]:
    return [*(block.name for block in features.blocks), *(dense.name for dense in features.dense)]


def _checked(asked: Collection[str], known: Collection[str]) -> list[str]:
    """Names asked for (one, or several), all of them known."""
    names = [asked] if isinstance(asked, str) else list(dict.fromkeys(asked))
    for name in names:
        if name not in known:
            fix = nearest(name, known)
            raise UsageError(
                f"no column to compare is called {name!r}", code="unknown_column", where="columns", fix=fix
            )
    if not names:
        fix = nearest("", known)
        raise UsageError("there is no column to compare", code="no_columns", where="columns", fix=fix)
    return names


def _nearest(world: World, asked: Features, content: Features, family: Ints, k: int) -> pl.DataFrame:
    """Rows `row, similar_id, score, rank` for each row of `asked`; `family` [Q] is whose garments are left out."""
    order = np.argsort(world.catalogue.ids.astype(str), kind="stable")  # of equals the first is taken
    items, ids = _unit(content.take(order)), world.catalogue.ids[order]
    queries = _unit(asked)
    size = max(1, BLOCK_CELLS // max(len(ids), 1))
    parts = [_frame(np.empty(0, np.int64), [], np.empty((0, 0), np.float32))]
    for start in range(0, len(family), size):
        rows = np.arange(start, min(start + size, len(family)))
        score = _mean_cosine(queries.take(rows), items)
        score[family[rows][:, None] == world.catalogue.family[order]] = -np.inf
        value, index = rank.best(torch.from_numpy(score), k)
        parts.append(_frame(rows, ids[index.numpy()].ravel().tolist(), value.numpy()))
    return pl.concat(parts)


def _unit(features: Features) -> Columns:
    """Every value of a column counts alike: a text already has weights of its own."""
    return by_column(features, np.ones(features.matrix.shape[1], dtype=np.float32))


def _mean_cosine(asked: Columns, items: Columns) -> Floats:
    """[Q, N] mean of the cosines of the columns both have; -inf where there is none."""
    total = np.asarray((items.content @ asked.content.T.toarray()).T, dtype=np.float32)
    for query, vectors in zip(asked.dense, items.dense, strict=True):
        total = total + query @ vectors.T
    shared = asked.present @ items.present.T
    mean = np.divide(total, shared, out=np.full(total.shape, -np.inf, dtype=np.float32), where=shared > 0)
    rounded: Floats = np.round(mean, _DIGITS)
    return rounded


def _frame(rows: Ints, similar_ids: list[str], score: Floats) -> pl.DataFrame:
    place = np.tile(np.arange(1, score.shape[1] + 1), len(rows))
    frame = pl.DataFrame(
        {
            "row": np.repeat(rows, score.shape[1]),
            "similar_id": pl.Series(similar_ids, dtype=pl.String),
            "score": pl.Series(score.ravel(), dtype=pl.Float32),
            "rank": pl.Series(place, dtype=pl.Int64),
        }
    )
    return frame.filter(pl.col("score").is_finite())


def _named(name: str, asked: Sequence[str], found: pl.DataFrame) -> pl.DataFrame:
    """`found` with what was asked in place of its row."""
    names = pl.Series(name, list(asked), dtype=pl.String)
    return found.select(names.gather(found["row"]), "similar_id", "score", "rank")
