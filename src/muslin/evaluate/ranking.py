"""Where each true item stands among all candidates: full ranking, no sampled negatives.

Sampled negatives change the order of methods (Krichene and Rendle 2020, KDD), so every candidate is counted. Ties are
broken by a fixed random permutation per shopper: a scorer that gives everything the same score does exactly as well as
chance, and never profits from the order in which items happen to be stored.

Shape suffixes: U shoppers of the block, I candidates, P true pairs.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from muslin.errors import ModelError
from muslin.types import Csr, Floats, Ints

Keys = NDArray[np.uint32]


class Ranked(NamedTuple):
    """`ranks` [P], 1-based, in row-major order of the truth; `top` [U, n] columns of the best, -1 past the last."""

    ranks: Ints
    top: Ints


class TieBreak(NamedTuple):
    """What names shoppers [U] and candidates [I] to the tie permutation: any integers that are theirs alone."""

    users: Ints
    items: Ints
    seed: int = 0


def rank(scores_UI: Floats, truth: Csr, seen: Csr, ties: TieBreak, *, top: int, method: str) -> Ranked:
    """Ranks of the true items, and the `top` best of each shopper.

    `truth` and `seen` are CSR [U, I]: a stored entry of `truth` is an item to be ranked high, one of `seen` is left
    out of the list. Raises `ModelError` (`non_finite_scores`) naming `method`, and ValueError when a true item is
    seen: such a question has no answer.
    """
    if not np.isfinite(scores_UI).all():
        raise ModelError(
            f"method {method!r} gave scores that are NaN or infinite",
            code="non_finite_scores",
            where=method,
            fix="lower its learning rate, or report it if it happens with the default options",
        )
    masked_UI = np.array(scores_UI, dtype=np.float32)
    masked_UI[_cells(seen)] = -np.inf
    users_P, items_P = _cells(truth)
    if np.isneginf(masked_UI[users_P, items_P]).any():
        raise ValueError("a true item is among those left out")
    return Ranked(_ranks(masked_UI, users_P, items_P, ties), _top(masked_UI, top, ties))


def tie_keys(ties: TieBreak, rows: Ints) -> Keys:
    """Sort keys [len(rows), I] of shoppers `rows`: a pseudo-random order of the candidates for each of them.

    Multiplicative hashing: a shift and an odd factor per shopper permute the 32-bit numbers, and candidates have
    distinct ones, so no two keys of a shopper are equal.
    """
    seed = _mixed(np.array([ties.seed % 2**32], dtype=np.uint32))
    shift = _mixed(_mixed(ties.users[rows].astype(np.uint32) + np.uint32(1)) + seed)
    number = _mixed(ties.items.astype(np.uint32) ^ seed)
    keys = shift[:, None] + number[None, :]
    keys *= (_mixed(shift) | np.uint32(1))[:, None]
    return np.asarray(keys, dtype=np.uint32)


def _ranks(scores_UI: Floats, users_P: Ints, items_P: Ints, ties: TieBreak) -> Ints:
    """Ranks [P], taken for the first true item of every shopper, then for the second of those who have one, and so on.

    Most shoppers have one or two: the first round needs no copy of the scores, and later ones copy little.
    """
    ranks_P = np.empty(len(users_P), dtype=np.int64)
    nth_P = np.arange(len(users_P)) - np.searchsorted(users_P, users_P)
    for nth in range(int(nth_P.max(initial=-1)) + 1):
        turn = np.flatnonzero(nth_P == nth)
        users = users_P[turn]
        lists = scores_UI if len(users) == len(scores_UI) else scores_UI[users]
        ranks_P[turn] = _places(lists, items_P[turn], ties, users)
    return ranks_P


def _places(lists_PI: Floats, items_P: Ints, ties: TieBreak, users_P: Ints) -> Ints:
    """Place [P] of one item in each list: one more than what scores higher, or the same with a smaller key."""
    own_P1 = np.take_along_axis(lists_PI, items_P[:, None], axis=1)
    ahead_P = np.count_nonzero(lists_PI > own_P1, axis=1)
    shared = np.flatnonzero(np.count_nonzero(lists_PI >= own_P1, axis=1) > ahead_P + 1)
    if len(shared):
        keys = tie_keys(ties, users_P[shared])
        own = np.take_along_axis(keys, items_P[shared, None], axis=1)
        ahead_P[shared] += np.count_nonzero((lists_PI[shared] == own_P1[shared]) & (keys < own), axis=1)
    return np.asarray(ahead_P + 1, dtype=np.int64)


def _top(scores_UI: Floats, n: int, ties: TieBreak) -> Ints:
    n = min(n, scores_UI.shape[1])
    best = torch.topk(torch.from_numpy(scores_UI), n, dim=1, sorted=False)
    picked_Un = best.indices.numpy()
    last_U1 = best.values.numpy().min(axis=1, keepdims=True)
    # Where more candidates tie for the last places than there are places, the permutation decides.
    unsure = np.flatnonzero(np.count_nonzero(scores_UI >= last_U1, axis=1) > n)
    if len(unsure):
        lists, last = scores_UI[unsure], last_U1[unsure]
        order = (tie_keys(ties, unsure) >> np.uint32(2)).astype(np.int32)
        order[lists < last] = np.iinfo(np.int32).max
        order[lists > last] = -1
        chosen = torch.topk(torch.from_numpy(order), n, dim=1, largest=False, sorted=False)
        picked_Un[unsure] = chosen.indices.numpy()
    left_out = np.isneginf(np.take_along_axis(scores_UI, picked_Un, axis=1))
    return np.where(left_out, -1, picked_Un)


def _cells(matrix: Csr) -> tuple[Ints, Ints]:
    """Rows and columns of the stored entries, row by row."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return rows, matrix.indices.astype(np.int64)


def _mixed(x: Keys) -> Keys:
    """MurmurHash3's 32-bit finaliser (Appleby 2011): one to one, and every input bit stirs every output bit."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return np.asarray(x ^ (x >> np.uint32(16)), dtype=np.uint32)
