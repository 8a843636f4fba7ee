"""What only left-out garments can teach: how much each signal counts, and how much to believe their first shoppers.

Garments whose whole families were kept from training act as new ones. Before any event, and after the first 1, 3 and
10 of their shoppers in an order drawn, the later shoppers are asked; the loss is the cross entropy of the garment they
took among all that were left out. It is differentiated through the k x k solve of every garment, so that weights,
kernel, noise and target are learned together: episodes of support and query whose inner problem is solved exactly.
Pairs of known items that were left out teach the weights of known items, and both together the offset between the two.

Source: episodes as in Vinyals et al. 2016 (NeurIPS), section 2.2; learning through a closed-form inner problem, R2-D2
(Bertinetto et al. 2019, ICLR), section 3. Differs: what is learned through it are a dozen numbers and no features; the
optimizer is L-BFGS on all episodes at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.nets import prior, process, signals
from muslin.nets.places import between, places
from muslin.random import stream
from muslin.types import Bools, Csr, Ints, Items, Params, Support, Users

KS = (1, 3, 10)
"""Shoppers told of each garment."""
LENGTHS = (0, 1, 3)
"""Lengths of history of those who are shown as newcomers."""
_USERS = 1000
"""Shoppers asked of new garments at most."""
_GARMENTS = 400
"""Garments that act as new ones at most."""
_CELLS = 6_000_000
"""Scores of known items that are looked at, which bounds the shoppers asked of them."""
_FEWEST = 8
"""Garments or shoppers without which nothing is learned of them."""
_ASKED = 3
"""Shoppers left to be asked of each garment, after those it is told of."""
_RIDGE = 1e-3
"""Weight of the squared distance from the starting point, beside the mean loss of a choice."""
_ROUNDS = 40


@dataclass(frozen=True)
class Lesson:
    """Choices of shoppers [U] among items [I]: `truth` [U, I] what each counts, `closed` [U, I] what is out.

    `base` [U, I, C]: the signals; `short` [U, 1]: 1 / (1 + length of the history).
    """

    base: Tensor
    short: Tensor
    truth: Tensor
    closed: Tensor

    def logits(self, mix: Tensor) -> Tensor:
        """[U, I] by weights [2, C]."""
        return self.base @ mix[0] + self.short * (self.base @ mix[1])

    def loss(self, logits: Tensor) -> Tensor:
        """Mean cross entropy of a choice."""
        share = torch.log_softmax(logits.masked_fill(self.closed, -1e9), dim=1)
        return -(self.truth * share).sum() / self.truth.sum()


class Episode(NamedTuple):
    """J garments of a lesson, told of k shoppers each: what that adds to the choices.

    `own` [J, k, C]: signals of each garment for its own shoppers, `short` [J, k]; how alike shoppers are, `within`
    [3, J, k, k] and `across` [3, U, J, k]; `column` [J]: the garments' places in the lesson's list.
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
    """`mix` [3, 2, C] (see `nets.signals`), `kernel`, `noise` and `target` (see `nets.process`).

    `params`: of a model that saw nothing of `left_out`, whose items are the new garments and any known ones. What there
    are too few choices to learn from stays as in `params`.
    """
    new = signals.kinds(params, left_out.items) != signals.KNOWN
    mix = params["mix"].clone()
    known = _known_lesson(params, left_out, ~new, shape, seed)
    if known is not None:
        mix[signals.KNOWN] = _prior(known, mix[signals.KNOWN])
    lesson = _new_lesson(params, left_out, np.flatnonzero(new), shape, seed)
    if lesson is not None:
        mix[signals.NEW] = _prior(lesson, mix[signals.NEW])
    found = {name: params[name].clone() for name in process.start()}
    episodes = _drawn(params, left_out, np.flatnonzero(new), shape, seed)
    if episodes:
        mix[signals.WARMING], found = _posterior(episodes, mix[signals.NEW], found)
    else:
        mix[signals.WARMING] = mix[signals.NEW]
    return {"mix": mix, **found}


def _prior(lesson: Lesson, mix: Tensor) -> Tensor:
    return _fitted([mix], lambda leaves: lesson.loss(lesson.logits(leaves[0])))[0]


def _posterior(episodes: Sequence[Episode], mix: Tensor, process: Params) -> tuple[Tensor, Params]:
    """The mix of warming garments and the process, from where those before any event and `process` are."""

    def loss(leaves: Sequence[Tensor]) -> Tensor:
        rest = dict(zip(process, leaves[1:], strict=True))
        return torch.stack([e.lesson.loss(e.logits(leaves[0], rest)) for e in episodes]).mean()

    mix, *rest = _fitted([mix, *process.values()], loss)
    return mix, dict(zip(process, rest, strict=True))


def sampled(left_out: Support, trained: int, seed: int) -> Support:
    """Some shoppers of `left_out`, with everything in one list: its new items and all `trained` ones."""
    rows = left_out.items.rows
    every = np.concatenate([np.arange(trained), np.sort(rows[rows >= trained])])
    place = np.searchsorted(every, rows)
    column = sp.csr_matrix((np.ones(len(rows), np.float32), (np.arange(len(rows)), place)), (len(rows), len(every)))
    rng = stream(seed, "rehearsal", "one list")
    users = _some(np.arange(len(left_out.users)), max(1, _CELLS // len(every)), rng)
    weight = sp.csr_matrix(sp.csr_matrix(left_out.weight).sign()[users] @ column)
    return Support(_take(left_out.users, users), Items(left_out.items.catalogue, every), weight)


def _fitted(start: Sequence[Tensor], loss: Callable[[Sequence[Tensor]], Tensor]) -> list[Tensor]:
    """`start`, moved to where `loss` and a pull to `start` are least; `start` itself where that is not finite."""
    leaves = [value.clone().requires_grad_() for value in start]
    optimizer = torch.optim.LBFGS(leaves, max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        pull = torch.stack([(a - b).square().sum() for a, b in zip(leaves, start, strict=True)]).sum()
        value = loss(leaves) + _RIDGE * pull
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    found = [leaf.detach() for leaf in leaves]
    return found if all(bool(value.isfinite().all()) for value in found) else list(start)


def _lesson(params: Params, users: Users, items: Items, truth: Csr, closed: Bools, shape: prior.Shape) -> Lesson:
    base = np.stack(list(signals.each(params, users, items, shape)), axis=-1)
    short = torch.from_numpy(signals.lengths(users))[:, None]
    return Lesson(torch.from_numpy(base), short, torch.from_numpy(truth.toarray()), torch.from_numpy(closed))


def _known_lesson(params: Params, left_out: Support, which: Bools, shape: prior.Shape, seed: int) -> Lesson | None:
    """Left-out pairs of known items among all known items but those in the history.

    Most shoppers are shown as newcomers, with a few things they took or none: what the weights say of short histories
    comes from them.
    """
    n = prior.trained(params)
    pairs = sp.csr_matrix(left_out.weight).sign()[:, np.flatnonzero(which)]
    asked = _some(
        np.flatnonzero(np.diff(pairs.indptr)), max(1, _CELLS // max(n, 1)), stream(seed, "rehearsal", "known")
    )
    if len(asked) < _FEWEST:
        return None
    items = Items(left_out.items.catalogue, np.arange(n))
    place = sp.csr_matrix((np.ones(int(which.sum()), np.float32), (np.arange(which.sum()), left_out.items.rows[which])))
    place.resize((int(which.sum()), n))
    whole = _take(left_out.users, asked)
    users = _shortened(whole, stream(seed, "rehearsal", "lengths"))
    truth = sp.csr_matrix(pairs[asked] @ place)
    return _lesson(params, users, items, truth, whole.history[:, :n].toarray() > 0, shape)


def _new_lesson(params: Params, left_out: Support, columns: Ints, shape: prior.Shape, seed: int) -> Lesson | None:
    """All new garments among themselves, before any event."""
    rng = stream(seed, "rehearsal", "new")
    columns = np.sort(rng.permutation(columns)[:_GARMENTS])
    pairs = sp.csr_matrix(left_out.weight).sign()[:, columns]
    asked = _some(np.flatnonzero(np.diff(pairs.indptr)), _USERS, rng)
    if min(len(columns), len(asked)) < _FEWEST:
        return None
    items = Items(left_out.items.catalogue, left_out.items.rows[columns])
    nothing = np.zeros((len(asked), len(columns)), dtype=bool)
    return _damped(_lesson(params, _take(left_out.users, asked), items, pairs[asked], nothing, shape))


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
    columns = _some(columns[shoppers >= ks[-1] + _ASKED], _GARMENTS, rng)
    place = places(sp.csr_matrix(left_out.weight)[:, columns], rng)
    asked = _some(np.flatnonzero(np.diff(place.indptr)), _USERS, rng)
    items = Items(left_out.items.catalogue, left_out.items.rows[columns])
    nothing = np.zeros((len(asked), len(columns)), dtype=bool)
    lesson = _lesson(params, _take(left_out.users, asked), items, place[asked].sign(), nothing, shape)
    told = np.flatnonzero(np.diff(between(place, 1, ks[-1]).indptr))
    tellers = _Tellers(
        place[told],
        _lesson(params, _take(left_out.users, told), items, place[told], nothing[:0], shape),
        process.known(params, _take(left_out.users, told), items),
        process.known(params, _take(left_out.users, asked), items),
    )
    return [_episode(lesson, place[asked], tellers, k) for k in ks]


def _some(values: Ints, most: int, rng: np.random.Generator) -> Ints:
    """At most so many of `values`, in order."""
    drawn: Ints = np.sort(rng.permutation(values)[:most])
    return drawn


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
    one_by_one = [process.only(tellers.known, own) for own in told]
    return Episode(
        _damped(replace(lesson, truth=torch.from_numpy(late.toarray()), closed=torch.from_numpy(first.toarray() > 0))),
        tellers.lesson.base[rows, column[:, None]],
        tellers.lesson.short.squeeze(1)[rows],
        torch.stack([process.between(own, own) for own in one_by_one], dim=1),
        process.between(tellers.asked, tellers.known)[:, :, rows.flatten()].reshape(3, -1, *rows.shape),
        column,
    )


def _take(users: Users, rows: Ints) -> Users:
    return Users(users.rows[rows], users.features[rows], sp.csr_matrix(users.history[rows]))


def _shortened(users: Users, rng: np.random.Generator) -> Users:
    """`users`, each with all of the history or the first 0, 1 or 3 of it in an order drawn."""
    history = sp.csr_matrix(users.history, copy=True)
    most = rng.choice([*LENGTHS, np.iinfo(np.int64).max], size=len(users))
    for row, (start, stop) in enumerate(pairwise(history.indptr)):
        history.data[start:stop][rng.permutation(stop - start) >= most[row]] = 0
    history.eliminate_zeros()
    return replace(users, history=history)
