"""From scores to ranked answers, in blocks so that memory stays flat."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
import torch
from torch import Tensor

from muslin import scoring
from muslin.features.space import World
from muslin.method import Fitted
from muslin.types import Ints, Items, Users

BLOCK_CELLS = 16_000_000
"""Scores held at once (64 MB as float32)."""


def scores(fitted: Fitted, world: World, users: Users, items: Items) -> Tensor:
    """Scores [U, I] float32."""
    return scoring.score(fitted.method, fitted.params, world.popularity, users, items).scores


def garments(
    fitted: Fitted, world: World, ids: Sequence[str], users: Users, rows: Ints, *, k: int, filter_seen: bool
) -> pl.DataFrame:
    """Best `k` of the catalogue `rows` for each shopper; fewer where fewer are left."""
    # Most popular first, so that the order of equal scores is theirs.
    items = Items(world.catalogue, rows[np.argsort(-world.popularity[rows], kind="stable")])
    rows = items.rows
    parts = [_frame([], [], np.empty(0), np.empty(0, np.int64), np.empty(0, object))]
    for block in _blocks(len(users), len(rows)):
        asked = users[block]
        score = scores(fitted, world, asked, items)
        if filter_seen:
            score = score.masked_fill(_held(asked, rows), -torch.inf)
        value, index = best(score, k)
        path = np.take_along_axis(scoring.paths(fitted.method, asked, items), index.numpy(), axis=1)
        names = np.asarray(ids, dtype=object)[block]
        parts.append(_ranked(names, world.catalogue.ids[rows], value, index, path))
    return pl.concat(parts)


def shoppers(fitted: Fitted, world: World, items: Items, *, k: int, filter_seen: bool) -> pl.DataFrame:
    """Best `k` training shoppers for each item."""
    n = world.shoppers.n_hot
    everyone = world.users(world.shoppers.ids[:n].tolist(), evidence=fitted.method.evidence)
    value, index = torch.empty(len(items), 0), torch.empty((len(items), 0), dtype=torch.int64)
    for block in _blocks(n, len(items)):
        asked = everyone[block]
        score = scores(fitted, world, asked, items)
        if filter_seen:
            score = score.masked_fill(_held(asked, items.rows), -torch.inf)
        # Only the best so far are kept; earlier shoppers stay in front, so equals keep their order.
        rows = torch.arange(block.start, block.stop).expand(len(items), -1)
        value, place = best(torch.cat([value, score.T], dim=1), k)
        index = torch.cat([index, rows], dim=1).gather(1, place)
    path = np.where(items.rows < world.catalogue.n_hot, "hot", "cold").astype(object)
    path = np.broadcast_to(path[:, None], tuple(index.shape))
    frame = _ranked(world.catalogue.ids[items.rows], world.shoppers.ids[:n], value, index, path)
    names = {"user_id": "item_id", "item_id": "user_id"}
    return frame.rename(names).select("user_id", "item_id", "score", "rank", "path")


def best(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Values and columns [rows, min(k, columns)] of the largest `scores`; equal ones in order of column.

    `topk` promises no order among equals, so a list of five would not be the start of a list of ten.
    """
    k = min(k, scores.shape[1])
    if not k:
        return scores[:, :0], torch.empty((len(scores), 0), dtype=torch.int64)
    index = torch.topk(scores, k, dim=1).indices.sort(dim=1).values
    value = scores.gather(1, index)
    last = value.amin(dim=1, keepdim=True)
    cut = ((scores == last).sum(1) > (value == last).sum(1)).nonzero().squeeze(1)  # equals were left out: which ones?
    index[cut] = torch.argsort(scores[cut], dim=1, descending=True, stable=True)[:, :k].sort(dim=1).values
    value, order = scores.gather(1, index).sort(dim=1, descending=True, stable=True)
    return value, index.gather(1, order)


def _blocks(users: int, items: int) -> Iterator[slice]:
    size = max(1, BLOCK_CELLS // max(items, 1))
    return (slice(start, min(start + size, users)) for start in range(0, users, size))


def _held(users: Users, rows: Ints) -> Tensor:
    return torch.from_numpy(np.asarray(users.history[:, rows].toarray() > 0))


def _ranked(outer: np.ndarray, inner: np.ndarray, value: Tensor, index: Tensor, path: np.ndarray) -> pl.DataFrame:
    """Long frame of the finite cells: `outer` names repeat, `inner` names are picked by `index`."""
    rank = np.tile(np.arange(1, value.shape[1] + 1), len(outer))
    score = value.numpy().ravel()
    keep = np.isfinite(score)
    names = np.repeat(outer, value.shape[1])[keep].tolist()
    picked = inner[index.numpy().ravel()][keep].tolist()
    return _frame(names, picked, score[keep], rank[keep], path.ravel()[keep])


def _frame(users: list[str], items: list[str], score: np.ndarray, rank: np.ndarray, path: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": pl.Series(users, dtype=pl.String),
            "item_id": pl.Series(items, dtype=pl.String),
            "score": pl.Series(score, dtype=pl.Float32),
            "rank": pl.Series(rank, dtype=pl.Int64),
            "path": pl.Series(path.tolist(), dtype=pl.String),
        }
    )
