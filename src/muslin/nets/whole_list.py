"""What one list of new, warming and known items needs: where each kind stands in it, and how likely it is taken.

Left-out garments are new, and then told of a few of their shoppers each; the other shoppers are asked, with all known
items in the same list. Each of the two kinds gets the offset of `nets.one_list`, and each kind the line of
`nets.chances`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from muslin.nets import chances, one_list, prior, rehearsal, signals
from muslin.nets.lesson import some, take
from muslin.nets.places import in_time
from muslin.random import stream
from muslin.types import Bools, Csr, Floats, Items, Params, Support, Users

_CELLS = 6_000_000
"""Scores of one list of all items, which bounds the shoppers asked."""


class Method(NamedTuple):
    """What is asked: logits [U, I] without offsets, and the parameters after first events."""

    logits: Callable[[Params, Users, Items], Floats]
    adapt: Callable[[Params, Support], Params]


class _Lists(NamedTuple):
    """Lists of shoppers [U] over items [I]: `truth` [U, I], and the `kinds` [I] of items."""

    logits: Floats
    truth: Csr
    kinds: np.ndarray
    short: Floats

    def only(self, columns: Bools) -> "_Lists":
        kept = np.flatnonzero(columns)
        return _Lists(self.logits[:, kept], sp.csr_matrix(self.truth[:, kept]), self.kinds[kept], self.short)


def start() -> Params:
    """`offset` [3] and `chance` [3, 3] (`nets.chances`) by kind of item, before anything is learned."""
    return {"offset": torch.zeros(3), "chance": chances.start()}


def learned(params: Params, left_out: Support, method: Method, price: float, seed: int) -> Params:
    """`offset` and `chance`; `price` is the share of the accuracy on known items that either kind may cost.

    `params`: of a model that saw nothing of `left_out`. What there is too little to learn from stays as in `params`.
    """
    new = _lists(params, left_out, method, seed)
    told, later, mask = _told(params, left_out, seed)
    warming = _lists(method.adapt(params, told), later, method, seed, mask)
    warming = warming.only(warming.kinds != signals.NEW)
    offset, chance = params["offset"].clone(), params["chance"].clone()
    offset[signals.NEW] = one_list.offset(new.logits, new.truth, new.kinds == signals.NEW, price)
    offset[signals.WARMING] = _offset(warming, signals.WARMING, price, float(offset[signals.NEW]))
    for kind, lists in ((signals.KNOWN, new), (signals.NEW, new), (signals.WARMING, warming)):
        moved = lists.logits + offset[kind].item()
        chance[kind] = chances.learned(chance[kind], moved, lists.truth, lists.kinds == kind, lists.short)
    return {"offset": offset, "chance": chance}


def _offset(lists: _Lists, kind: int, price: float, otherwise: float) -> float:
    which = lists.kinds == kind
    if not lists.truth[:, np.flatnonzero(which)].sum():
        return otherwise
    return one_list.offset(lists.logits, lists.truth, which, price)


def _lists(params: Params, asked: Support, method: Method, seed: int, told: Support | None = None) -> _Lists:
    """Lists of some of the shoppers of `asked`, without what they are `told` of."""
    some = _sampled(asked, prior.trained(params), seed)
    logits = method.logits(params, some.users, some.items)
    logits[some.users.history[:, some.items.rows].nonzero()] = -np.inf
    if told is not None:
        known = _sampled(told, prior.trained(params), seed)
        logits[known.weight.nonzero()] = -np.inf
    truth = sp.csr_matrix(some.weight)
    return _Lists(logits, truth, signals.kinds(params, some.items), signals.lengths(some.users))


def _sampled(left_out: Support, trained: int, seed: int) -> Support:
    """Some shoppers of `left_out`, with everything in one list: its new items and all `trained` ones."""
    rows = left_out.items.rows
    every = np.concatenate([np.arange(trained), np.sort(rows[rows >= trained])])
    place = np.searchsorted(every, rows)
    column = sp.csr_matrix((np.ones(len(rows), np.float32), (np.arange(len(rows)), place)), (len(rows), len(every)))
    rng = stream(seed, "rehearsal", "one list")
    users = some(np.arange(len(left_out.users)), max(1, _CELLS // len(every)), rng)
    weight = sp.csr_matrix(sp.csr_matrix(left_out.weight).sign()[users] @ column)
    return Support(take(left_out.users, users), Items(left_out.items.catalogue, every), weight)


def _told(params: Params, left_out: Support, seed: int) -> tuple[Support, Support, Support]:
    """New garments with the first few of their shoppers; all other pairs; and of the same shoppers the first again."""
    rng = stream(seed, "whole list", "told")
    pairs = sp.csr_matrix(left_out.weight).sign()
    new = signals.kinds(params, left_out.items) == signals.NEW
    most = np.where(new, rng.choice(rehearsal.KS, size=len(new)), 0)
    place = in_time(left_out, rng)
    first = place.copy()
    first.data = (place.data <= most[place.indices]).astype(np.float32)
    first.eliminate_zeros()
    later = sp.csr_matrix(pairs - first)
    later.eliminate_zeros()
    tellers, columns, asked = np.flatnonzero(first.getnnz(1)), np.flatnonzero(new), np.flatnonzero(later.getnnz(1))
    items = Items(left_out.items.catalogue, left_out.items.rows[columns])
    told = Support(take(left_out.users, tellers), items, sp.csr_matrix(first[tellers][:, columns]))
    users = take(left_out.users, asked)
    wanted, mask = (Support(users, left_out.items, sp.csr_matrix(part[asked])) for part in (later, first))
    return told, wanted, mask
