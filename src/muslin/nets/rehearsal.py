"""What only left-out garments can teach: how much each signal counts, and how much to believe their first shoppers.

Garments whose whole families were kept from training act as new ones. Before any event their shoppers' choices among
them teach the weights. Then, with these fixed, the first 1, 3 and 10 shoppers in time of those that sold enough are
told of and the later ones asked; the loss is the cross entropy of the garment they took. It is differentiated through
the k x k solve of every garment, so that kernel, noise and target are learned together: episodes of support and query
whose inner problem is solved exactly. All garments of an episode have the same k: how far one with ten shoppers stands
above one with none in the same list is left to the offset of `nets.whole_list`.
Pairs of known items that were left out teach the weights of known items, and both together the offset between the two.

Source: episodes as in Vinyals et al. 2016 (NeurIPS), section 2.2; learning through a closed-form inner problem, R2-D2
(Bertinetto et al. 2019, ICLR), section 3. Differs: what is learned through it are a dozen numbers and no features; the
optimizer is L-BFGS on all episodes at once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.nets import prior, process, regulars, signals
from muslin.nets.lesson import Lesson, among_all, fitted, some, take
from muslin.nets.places import between, in_time
from muslin.random import stream
from muslin.types import Csr, Ints, Items, Params, Support

KS = (1, 3, 10)
"""Shoppers told of each garment."""
_USERS = 2000
"""Shoppers asked of new garments at most."""
_GARMENTS = 800
"""Garments that act as new ones at most."""
_FEWEST = 8
"""Garments or shoppers without which nothing is learned of them."""
_ASKED = 3
"""Shoppers left to be asked of each garment, after those it is told of."""


class Episode(NamedTuple):
    """J garments of a lesson, told of k shoppers each: what that adds to the choices.

    `own` [J, k, C]: signals of each garment for its own shoppers, `short` [J, k]; how alike shoppers are, `within`
    [4, J, k, k] and `across` [4, U, J, k]; `column` [J]: the garments' places in the lesson's list.
    """

    lesson: Lesson
    own: Tensor
    short: Tensor
    within: Tensor
    across: Tensor
    column: Tensor

    def logits(self, mix: Tensor, learned: Params) -> Tensor:
        """[U, I] posterior."""
        before = self.own @ mix[0] + self.short * (self.own @ mix[1])
        share = process.coefficients(learned, self.within, before)
        more = torch.einsum("q,qujk,jk->uj", learned["kernel"].exp(), self.across, share)
        return self.lesson.logits(mix).index_add(1, self.column, more)


def learned(params: Params, left_out: Support, shape: prior.Shape, seed: int) -> Params:
    """`mix` [2, 2, C] (see `nets.signals`), `kernel`, `noise` and `target` (see `nets.process`).

    `params`: of a model that saw nothing of `left_out`, whose items are the new garments and any known ones. What there
    are too few choices to learn from stays as in `params`.
    """
    new = signals.kinds(params, left_out.items) != signals.KNOWN
    mix = params["mix"].clone()
    known = regulars.choices(params, left_out, shape, seed)
    if known is not None:
        mix[signals.KNOWN] = _prior(known, mix[signals.KNOWN])
    lesson = _new_lesson(params, left_out, np.flatnonzero(new), shape, seed)
    if lesson is not None:
        mix[signals.NEW] = _prior(lesson, mix[signals.NEW])
    found = {name: params[name].clone() for name in process.start()}
    episodes = _drawn(params, left_out, np.flatnonzero(new), shape, seed)
    return {"mix": mix, **(_posterior(episodes, mix[signals.NEW], found) if episodes else found)}


def _prior(lesson: Lesson, mix: Tensor) -> Tensor:
    return fitted([mix], lambda leaves: lesson.loss(lesson.logits(leaves[0])))[0]


def _posterior(episodes: Sequence[Episode], mix: Tensor, process: Params) -> Params:
    """The process, from `process` on, under which the later shoppers' choices are likeliest."""

    def loss(leaves: Sequence[Tensor]) -> Tensor:
        rest = dict(zip(process, leaves, strict=True))
        return torch.stack([e.lesson.loss(e.logits(mix, rest)) for e in episodes]).mean()

    return dict(zip(process, fitted(list(process.values()), loss), strict=True))


def _new_lesson(params: Params, left_out: Support, columns: Ints, shape: prior.Shape, seed: int) -> Lesson | None:
    """All new garments among themselves, before any event."""
    rng = stream(seed, "rehearsal", "new")
    columns = np.sort(rng.permutation(columns)[:_GARMENTS])
    pairs = sp.csr_matrix(left_out.weight).sign()[:, columns]
    asked = some(np.flatnonzero(np.diff(pairs.indptr)), _USERS, rng)
    if min(len(columns), len(asked)) < _FEWEST:
        return None
    items = Items(left_out.items.catalogue, left_out.items.rows[columns])
    nothing = np.zeros((len(asked), len(columns)), dtype=bool)
    return _damped(among_all(params, take(left_out.users, asked), items, pairs[asked], nothing, shape))


def _damped(lesson: Lesson) -> Lesson:
    """`lesson` in which a garment counts by the root of its choices.

    Choices of one garment are not independent: a single one that sells far above its promise would otherwise decide
    what a promise is worth.
    """
    return replace(lesson, truth=lesson.truth / lesson.truth.sum(0).clamp_min(1).sqrt())


def _drawn(params: Params, left_out: Support, columns: Ints, shape: prior.Shape, seed: int) -> list[Episode]:
    """An episode for each k, all of the same garments: those with shoppers left to ask after the largest k."""
    rng = stream(seed, "rehearsal", "warming")
    shoppers = sp.csr_matrix(left_out.weight).getnnz(axis=0)[columns]
    ks = [k for k in KS if (shoppers >= k + _ASKED).sum() >= _FEWEST]
    if not ks:
        return []
    columns = some(columns[shoppers >= ks[-1] + _ASKED], _GARMENTS, rng)
    place = sp.csr_matrix(in_time(left_out, rng)[:, columns])
    asked = some(np.flatnonzero(np.diff(place.indptr)), _USERS, rng)
    items = Items(left_out.items.catalogue, left_out.items.rows[columns])
    nothing = np.zeros((len(asked), len(columns)), dtype=bool)
    lesson = among_all(params, take(left_out.users, asked), items, place[asked].sign(), nothing, shape)
    told = np.flatnonzero(np.diff(between(place, 1, ks[-1]).indptr))
    tellers = _Tellers(
        place[told],
        among_all(params, take(left_out.users, told), items, place[told], nothing[:0], shape),
        process.known(params, take(left_out.users, told), items),
        process.known(params, take(left_out.users, asked), items),
    )
    return [_episode(lesson, place[asked], tellers, k) for k in ks]


class _Tellers(NamedTuple):
    """Shoppers [S] some garment is told of: their `place` [S, I] among its shoppers, and all that is known of them."""

    place: Csr
    lesson: Lesson
    known: process.Known
    asked: process.Known


def _episode(lesson: Lesson, place: Csr, tellers: _Tellers, k: int) -> Episode:
    """Garments told of their first `k` shoppers; `place` [U, I] of the shoppers asked."""
    first, late = between(place, 1, k), between(place, k + 1, np.inf)
    by_garment = sp.csc_matrix(between(tellers.place, 1, k))
    told = by_garment.indices.reshape(by_garment.shape[1], k)
    column, rows = torch.arange(len(told)), torch.from_numpy(told.astype(np.int64))
    return Episode(
        _damped(replace(lesson, truth=torch.from_numpy(late.toarray()), closed=torch.from_numpy(first.toarray() > 0))),
        tellers.lesson.base[rows, column[:, None]],
        tellers.lesson.short.squeeze(1)[rows],
        process.among(tellers.known, rows.numpy()),
        process.between(tellers.asked, tellers.known)[:, :, rows.flatten()].reshape(4, -1, *rows.shape),
        column,
    )
