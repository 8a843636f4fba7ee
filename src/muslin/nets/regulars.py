"""What left-out pairs of known items teach: the weights of known items, for long histories and short ones.

Most shoppers are shown as newcomers, with a few things they took or none: what the weights say of short histories comes
from them. Each chooses among the items that the starting weights put first, some of all others, and what they took.
Shoppers who took much are few, and choose otherwise: they count as much as those who took little.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.nets import prior, signals
from muslin.nets.lesson import Lesson, among_all, take
from muslin.random import stream
from muslin.types import Csr, Ints, Items, Params, Support, Users

LENGTHS = (0, 1, 3, 10)
"""Lengths of history of those who are shown as newcomers."""
_MOST = 3000
"""Shoppers asked at most."""
_CELLS = 6_000_000
"""Scores looked at together."""
_HIGH, _RANDOM = 200, 200
"""Items that a shopper chooses among besides those taken: the likeliest at first, and some of all others."""
_MANY = 20
"""Shoppers of a group who count as much as more would; of fewer, each counts as one of these."""
_FEWEST = 8
"""Shoppers without whom nothing is learned."""


def choices(params: Params, left_out: Support, shape: prior.Shape, seed: int) -> Lesson | None:
    """The lesson; None where there are too few shoppers to learn from."""
    n = prior.trained(params)
    pairs = _of_known(params, left_out, n)
    rng = stream(seed, "rehearsal", "known")
    magnitude = np.log2(1 + np.diff(left_out.users.history.indptr)).astype(np.int64)
    asked = _of_all(magnitude, np.flatnonzero(np.diff(pairs.indptr)), rng)
    if len(asked) < _FEWEST:
        return None
    size = max(1, _CELLS // max(n, 1))
    blocks = [asked[at : at + size] for at in range(0, len(asked), size)]
    parts = [_among(params, left_out, pairs[block], block, shape, rng) for block in blocks]
    return _balanced(_joined(parts), magnitude[asked])


def _of_all(group: Ints, shoppers: Ints, rng: np.random.Generator) -> Ints:
    """At most `_MOST` of `shoppers`, with about as many of each `group` as there are."""
    _, own, size = np.unique(group[shoppers], return_inverse=True, return_counts=True)
    late = rng.exponential(size=len(shoppers)) * size[own]
    return np.sort(shoppers[np.argsort(late)[:_MOST]])


def _balanced(lesson: Lesson, group: Ints) -> Lesson:
    """`lesson` in which shoppers of each `group` count as much as those of any other.

    Where nearly all took two things, what they choose would else decide for those who took ten.
    """
    _, own, size = np.unique(group, return_inverse=True, return_counts=True)
    share = torch.from_numpy((1 / np.maximum(size[own], _MANY)).astype(np.float32))
    return replace(lesson, truth=lesson.truth * share[:, None])


def _of_known(params: Params, left_out: Support, n: int) -> Csr:
    """[U, N] the pairs of known items, by their rows."""
    known = np.flatnonzero(signals.kinds(params, left_out.items) == signals.KNOWN)
    place = sp.csr_matrix(
        (np.ones(len(known), np.float32), (np.arange(len(known)), left_out.items.rows[known])), shape=(len(known), n)
    )
    return sp.csr_matrix(sp.csr_matrix(left_out.weight).sign()[:, known] @ place)


def _among(
    params: Params, left_out: Support, truth: Csr, rows: Ints, shape: prior.Shape, rng: np.random.Generator
) -> Lesson:
    """Choices of the shoppers `rows`, each among candidates of their own."""
    n = prior.trained(params)
    whole = take(left_out.users, rows)
    closed = whole.history[:, :n].toarray() > 0
    every = among_all(
        params, _shortened(whole, rng), Items(left_out.items.catalogue, np.arange(n)), truth, closed, shape
    )
    if n <= _HIGH + _RANDOM:
        return replace(every, stands=torch.zeros(every.closed.shape))
    first = every.logits(params["mix"][signals.KNOWN]).masked_fill(every.closed, -torch.inf)
    return _drawn(every, first.masked_fill(every.truth > 0, torch.inf), rng)


def _drawn(every: Lesson, first: Tensor, rng: np.random.Generator) -> Lesson:
    """Only the items with the highest `first` [U, N] and some of the others, which stand for all of these."""
    order = first.argsort(dim=1, descending=True, stable=True)
    high = max(_HIGH, int((every.truth > 0).sum(1).max()))
    rest = order[:, high:]
    drawn = torch.from_numpy(rng.random(rest.shape, dtype=np.float32)).argsort(dim=1)[:, :_RANDOM]
    chosen = torch.cat([order[:, :high], rest.gather(1, drawn)], dim=1)
    stands = torch.zeros(chosen.shape)
    stands[:, high:] = float(np.log(max(rest.shape[1], 1) / max(drawn.shape[1], 1)))
    base = every.base.gather(1, chosen[:, :, None].expand(-1, -1, every.base.shape[2]))
    return Lesson(base, every.short, every.truth.gather(1, chosen), every.closed.gather(1, chosen), stands)


def _joined(parts: list[Lesson]) -> Lesson:
    """All shoppers in one; parts may have different numbers of candidates."""
    most = max(part.truth.shape[1] for part in parts)
    wide = [_widened(part, most - part.truth.shape[1]) for part in parts]
    names = ("base", "short", "truth", "closed", "stands")
    return Lesson(*(torch.cat([getattr(part, name) for part in wide]) for name in names))


def _widened(part: Lesson, more: int) -> Lesson:
    assert part.stands is not None
    pad = torch.nn.functional.pad
    return Lesson(
        pad(part.base, (0, 0, 0, more)),
        part.short,
        pad(part.truth, (0, more)),
        pad(part.closed, (0, more), value=True),
        pad(part.stands, (0, more)),
    )


def _shortened(users: Users, rng: np.random.Generator) -> Users:
    """`users`, each with all of the history or the first few (`LENGTHS`) of it in an order drawn."""
    history = sp.csr_matrix(users.history, copy=True)
    most = rng.choice([*LENGTHS, np.iinfo(np.int64).max], size=len(users))
    for row, (start, stop) in enumerate(pairwise(history.indptr)):
        history.data[start:stop][rng.permutation(stop - start) >= most[row]] = 0
    history.eliminate_zeros()
    return replace(users, history=history)
