"""How much each column of the garments says about what a shopper takes next: one weight a column, learned from choices.

A shopper's profile and a garment are compared column by column; the blend of those cosines that best tells the garment
they took from others is a logistic choice model with as many unknowns as there are columns. Weights cannot be negative,
so a column that says nothing ends at or near zero. A garment without a value in a column is neither near nor far
there: it gets the similarity garments have on average.

Source: the conditional logit of McFadden 1974, with sampled alternatives and their correction as in Bengio and Senécal
2008, section 3. Differs: weights are at least zero; the shopper is shown without the target's whole family
(`data.pairs`), as at serving time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from muslin.data.pairs import pair_batches
from muslin.features.dense import unit
from muslin.features.kept import once
from muslin.nets.rows import PICKING, by_column
from muslin.types import Csr, Features, Floats, Ints, Params, TrainData

Doubles: TypeAlias = NDArray[np.float64]

PAIRS, NEGATIVES, BATCH = 8192, 256, 1024
"""Choices learned from at most, alternatives of each, choices in one batch."""
PENALTY = 1e-3
"""Weight of the squared weights in the loss: enough to keep columns that repeat one another finite."""


class Weights(NamedTuple):
    """`weight` [C] of each column and `usual` [C], the cosine two garments have there on average.

    Columns in the order of `names`.
    """

    weight: Floats
    usual: Floats


@dataclass(frozen=True)
class Columns:
    """Items by column: `content` [N, D], every block of a row of unit length, and `dense` columns; `owner` [D]: block.

    C = blocks + dense columns; a column without any value in training has a block all the same.
    """

    content: Csr
    owner: Ints
    n_blocks: int
    dense: tuple[Floats, ...]

    def __len__(self) -> int:
        return self.n_blocks + len(self.dense)

    def profile(self, history: Csr) -> "Columns":
        """The profiles [U] of `history` [U, N] as items are: sums over the history, every block of unit length."""
        dense = tuple(unit(history @ vectors) for vectors in self.dense)
        return Columns(unit_blocks(history @ self.content, self.owner, self.n_blocks), self.owner, self.n_blocks, dense)

    def take(self, rows: Ints) -> "Columns":
        """Only the named rows."""
        return Columns(self.content[rows], self.owner, self.n_blocks, tuple(d[rows] for d in self.dense))

    @cached_property
    def present(self) -> Floats:
        """[rows, C] 1 where a row has a value in a column."""
        counts = np.diff(self.content.indptr)
        found = np.zeros((self.content.shape[0], len(self)), dtype=np.float32)
        found[np.repeat(np.arange(len(counts)), counts), self.owner[self.content.indices]] = 1
        for place, vectors in enumerate(self.dense, start=self.n_blocks):
            found[:, place] = vectors.any(axis=1)
        return found


def columns(features: Features, idf: Floats) -> Columns:
    """Columns of `features` whose sparse part is weighted by `idf` [D] first."""
    owner = owners(features)
    scaled = sp.csr_matrix(features.matrix @ sp.diags_array(idf))
    content = unit_blocks(scaled, owner, len(features.blocks))
    return Columns(content, owner, len(features.blocks), tuple(d.vectors for d in features.dense))


def of_catalogue(features: Features, idf: Tensor) -> Columns:
    """`columns` of a whole catalogue, made once where it is kept (`features.kept`)."""
    return once(features, "blend", (idf,), lambda: columns(features, idf.numpy()))


def of_params(params: Params) -> Weights:
    """`weight` and `usual` [C] of a method's parameters."""
    return Weights(params["weight"].numpy(), params["usual"].numpy())


def owners(features: Features) -> Ints:
    """[D] the block each feature column belongs to."""
    return np.repeat(np.arange(len(features.blocks)), [b.stop - b.start for b in features.blocks])


def inverse_frequency(matrix: Csr) -> Floats:
    """[D] log((1 + rows) / (1 + rows with the feature)): sharing what is rare says more."""
    rows = np.asarray(matrix.getnnz(axis=0), dtype=np.float64)
    idf: Floats = np.log((1 + matrix.shape[0]) / (1 + rows)).astype(np.float32)
    return idf


def unit_blocks(matrix: Csr, owner: Ints, n_blocks: int) -> Csr:
    """`matrix` [rows, D] with every block of every row scaled to unit length; empty ones stay empty."""
    matrix = sp.csr_matrix(matrix)
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    cell = row * n_blocks + owner[matrix.indices]
    squares = np.bincount(cell, matrix.data.astype(np.float64) ** 2, minlength=matrix.shape[0] * n_blocks)
    length = np.sqrt(squares)[cell]
    data = np.divide(matrix.data, length, out=np.zeros(len(length)), where=length > 0).astype(np.float32)
    return sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def blended(profiles: Columns, items: Columns, weights: Weights) -> Floats:
    """Scores [U, I]: the sum over columns of weight x (cosine - usual), columns that either side lacks left out."""
    spread = by_column(profiles.content, weights.weight[: items.n_blocks][items.owner])
    scores = np.asarray((items.content @ spread.toarray().T).T, dtype=np.float32)
    for weight, taste, vectors in zip(weights.weight[items.n_blocks :], profiles.dense, items.dense, strict=True):
        if weight > 0:
            scores += weight * (taste @ vectors.T)
    return np.ascontiguousarray(scores - (profiles.present * (weights.weight * weights.usual)) @ items.present.T)


def scored(profiles: Columns, items: Columns, weights: Weights, *rows: Ints) -> list[Floats]:
    """`blended` [U, rows] of each of `rows` of `items`; where many are wanted, scores are picked, not sparse rows."""
    if PICKING * sum(map(len, rows)) < items.content.shape[0]:
        return [blended(profiles, items.take(r), weights) for r in rows]
    every = blended(profiles, items, weights)
    return [np.ascontiguousarray(every[:, r]) for r in rows]


def learned(data: TrainData, items: Columns, seed: int) -> Weights:
    """Weights from at most `PAIRS` choices of `data`, whose catalogue is `items`.

    All 1 where there is no choice to learn from, or too few to tell any column from chance.
    """
    examples = list(_examples(data, items, seed)) if len(items) else []
    if not examples:
        return Weights(np.ones(len(items), dtype=np.float32), np.zeros(len(items), dtype=np.float32))
    usual = _usual(examples[0])
    lead = np.concatenate([_lead(example, usual) for example in examples])
    offset = np.concatenate([example.offset for example in examples])
    weight = _estimated(lead, offset)
    return Weights((weight if weight.any() else np.ones(len(items))).astype(np.float32), usual)


def _estimated(lead: Floats, offset: Floats) -> Doubles:
    """[C] weights; those within two errors of zero leave one at a time, the weakest first.

    Not all at once: of two columns that say the same, neither is certain, and one of them is needed.
    """
    weight, active = np.ones(lead.shape[2]), np.arange(lead.shape[2])
    while len(active):
        part = lead if len(active) == lead.shape[2] else lead[:, :, active]
        bounds = [(0, None)] * len(active)
        found = minimize(_loss, weight[active], (part, offset), jac=True, bounds=bounds, method="L-BFGS-B").x
        weight = np.zeros(lead.shape[2])
        weight[active] = found
        if (found == 0).any():
            active = active[found > 0]  # at the bound already: the others stay as they are
            part, found = lead[:, :, active], weight[active]
        if not len(active):
            break
        error = _errors(found, part, offset)
        weakest = int(np.argmin(found / error))
        if found[weakest] >= 2 * error[weakest]:
            weight[active] = _shrunk(found, error)
            break
        weight[active[weakest]] = 0
        active = np.delete(active, weakest)
    return weight


class _Example(NamedTuple):
    """B choices: `profile`, `target` rows [B] and S alternatives; `offset` [B, S] corrects for how they were drawn."""

    profile: Columns
    target: Columns
    negative: Columns
    offset: Floats


def _examples(data: TrainData, items: Columns, seed: int) -> Iterator[_Example]:
    """Choices of shoppers who have something left to be known by."""
    batches = pair_batches(data, seed, 0, size=BATCH, negatives=NEGATIVES, negative_power=0.5)
    for batch in islice(batches, -(-PAIRS // BATCH)):
        known = np.flatnonzero(np.diff(batch.history.indptr))
        if not len(known):
            continue
        history = sp.csr_matrix(
            (batch.history.data, batch.items[batch.history.indices], batch.history.indptr),
            shape=(len(batch.user), items.content.shape[0]),
        )
        profile = items.profile(history[known])
        target, negative = items.take(batch.items[batch.target[known]]), items.take(batch.items[batch.negative])
        offset = batch.log_q_target[known][:, None] - batch.log_q_negative
        yield _Example(profile, target, negative, np.where(batch.taken[known], _NEVER, offset).astype(np.float32))


_ROWS = 512
_NEVER = np.float32(-1e9)


def _usual(example: _Example) -> Floats:
    """[C] mean cosine of profiles and alternatives that both have a value there."""
    out = np.zeros(len(example.profile), dtype=np.float32)
    known, there = example.profile.present, example.negative.present
    for place, cosine in enumerate(_cosines(example.profile, example.negative)):
        both = known[:, place].sum() * there[:, place].sum()
        out[place] = cosine.sum() / both if both else 0.0
    return out


def _lead(example: _Example, usual: Floats) -> Floats:
    """[B, S, C] by how much each alternative is more alike to the profile than the target is."""
    b, s, c = len(example.offset), example.offset.shape[1], len(usual)
    out = np.empty((b, s, c), dtype=np.float32)
    known, there = example.profile.present, example.negative.present
    own = _own_cosines(example.profile, example.target) - known * example.target.present * usual
    for place, cosine in enumerate(_cosines(example.profile, example.negative)):
        excess = cosine - np.outer(known[:, place] * usual[place], there[:, place])
        out[:, :, place] = excess - own[:, place, None]
    return out


def _cosines(profile: Columns, items: Columns) -> Iterator[Floats]:
    """[U, I] of each column in turn."""
    order = np.argsort(profile.owner, kind="stable")
    ends = np.searchsorted(profile.owner[order], np.arange(profile.n_blocks + 1))
    for low, high in pairwise(ends):
        block = order[low:high]
        yield np.asarray(profile.content[:, block] @ items.content[:, block].T.toarray(), dtype=np.float32)
    for taste, vectors in zip(profile.dense, items.dense, strict=True):
        yield taste @ vectors.T


def _own_cosines(profile: Columns, items: Columns) -> Floats:
    """[B, C] of each profile with the item in its own row."""
    products = sp.coo_matrix(profile.content.multiply(items.content))
    cell = products.row.astype(np.int64) * profile.n_blocks + profile.owner[products.col]
    shape = (profile.content.shape[0], profile.n_blocks)
    sparse = np.bincount(cell, products.data, minlength=shape[0] * shape[1]).reshape(shape)
    dense = [(taste * vectors).sum(axis=1) for taste, vectors in zip(profile.dense, items.dense, strict=True)]
    return np.column_stack([sparse, *dense]).astype(np.float32)


def _errors(weight: Doubles, lead: Floats, offset: Floats) -> Doubles:
    """[C] standard errors of the weights, from the inverse of the information in the choices.

    As if choices were independent; those of one shopper are not, so that the errors are somewhat too small.
    """
    information = np.eye(len(weight)) * (2 * PENALTY * len(lead) + 1e-9)
    for low in range(0, len(lead), _ROWS):
        rows = slice(low, low + _ROWS)
        share, _ = _shares(weight, lead[rows], offset[rows])
        mean = np.einsum("bs,bsc->bc", share, lead[rows], optimize=True).astype(np.float64)
        flat = lead[rows].reshape(-1, len(weight))
        information += (flat * share.reshape(-1, 1)).T.astype(np.float64) @ flat - mean.T @ mean
    errors: Doubles = np.sqrt(np.diag(np.linalg.inv(information)))
    return errors


def _shrunk(weight: Doubles, error: Doubles) -> Doubles:
    """Weights pulled towards zero by how uncertain they are, to zero within two errors.

    Source: after the positive-part estimator of James and Stein 1961. Differs: one weight at a time, twice its error.
    """
    doubt = np.divide(2 * error, weight, out=np.full_like(weight, np.inf), where=weight > 0)
    shrunk: Doubles = weight * np.maximum(1 - doubt**2, 0)
    return shrunk


def _shares(weight: Doubles, lead: Floats, offset: Floats) -> tuple[Floats, Doubles]:
    """Probability [B, S] of each alternative in place of the target, and the loss [B]."""
    logit = lead @ weight.astype(lead.dtype) + offset
    top = np.maximum(logit.max(axis=1), 0)
    share = np.exp(logit - top[:, None])
    total = share.sum(axis=1) + np.exp(-top)
    return share / total[:, None], np.log(total) + top


def _loss(weight: Doubles, lead: Floats, offset: Floats) -> tuple[float, Doubles]:
    """Mean cross entropy of the choices plus the penalty, and its gradient [C]."""
    share, loss = _shares(weight, lead, offset)
    gradient = np.tensordot(share, lead, 2) / len(lead) + 2 * PENALTY * weight
    return float(loss.mean() + PENALTY * (weight**2).sum()), gradient.astype(np.float64)
