"""Opinions on the garments of a domain, weighed: by shoppers of both sides who act as new to it.

Weights are learned from choices among sampled garments, with how much caution opinions deserve of who took little. That
likelihood is mostly about garments that few take, and a list is about its head: so they are learned again from what was
taken among the first of each list, starting from and staying near the first.

Source: `nets.choices`; the second pass as in cascade ranking (Wang, Lin and Metzler 2011, SIGIR). Differs: one set of
weights for both, the first being the prior of the second.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.nets import bridges, choices, domain_factors, opinions
from muslin.nets.domains import View, active, within
from muslin.random import stream
from muslin.types import Csr, Floats, Items, Params, Users

CAUTION = (0.0, 0.3, 1.0)
"""Multiples of the measured kappa that are tried."""
HEAD = 200
"""Garments at the head of a list, among which weights are learned last."""
_FEW = 64
"""Shoppers whose opinions on everything are in memory at once."""
FLOOR = 0.01
"""Least weight of an opinion."""
ROWS = 256
"""Shoppers at once."""


@dataclass(frozen=True)
class Told:
    """`users` of whom it is known what they took, `taken` [U, N_g], of `items`, the trained garments of a domain."""

    view: View
    users: Users
    items: Items
    taken: Csr

    def __getitem__(self, block: slice) -> "Told":
        return Told(self.view, self.users[block], self.items, self.taken[block])


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How weights are learned: see `methods.source_posterior.Config`."""

    shape: domain_factors.Shape
    penalty: float
    asked: int
    alternatives: int


def weighed(params: Params, told: Told, terms: Terms, seed: int) -> Params:
    """`counts` [E], weights of opinions, and `caution` [1] by which what was taken is told best.

    `params` must not have seen it: those of `nets.domain_factors.fit`, with `g/...` of `nets.opinions.fit`.
    """
    known = told[: terms.asked]
    nothing = np.zeros_like(opinions.given(opinions.part(params, str(told.view.code)), told.items))
    best, found = np.inf, {}
    for caution in CAUTION:
        asked = _choices(params, known, terms, caution, seed)
        weights = choices.learned(asked, nothing, terms.penalty, FLOOR)
        cost, _ = choices.loss(weights.astype(np.float64), asked, nothing.astype(np.float64), terms.penalty)
        if cost < best:
            best, found = cost, {"counts": torch.from_numpy(weights), "caution": torch.tensor([caution])}
    return found | {"counts": torch.from_numpy(_sharpened(params, known, terms, found))}


def utilities(params: Params, view: View, users: Users, items: Items, shape: domain_factors.Shape) -> Floats:
    """[U, I] weighted sums of the opinions on `items`, all of the domain."""
    known = opinions.part(params, str(view.code))
    weights, caution = _weights(known, items)
    asked = _side(params, view, users, items, shape, caution)
    out = np.zeros((len(users), len(items)), dtype=np.float32)
    if "counts" not in known:
        out += opinions.of_content(params, known, asked)
    for weight, opinion in zip(weights, opinions.formed(known, asked), strict=True):
        out += weight * opinion
    return out


def doubts(params: Params, view: View, users: Users, items: Items, shape: domain_factors.Shape) -> Floats:
    """[U, I] standard deviation of `utilities` for not knowing the taste elsewhere better; columns as independent.

    By kappa as it is measured, whatever caution ranks best: a sample of one would else be sure of itself.
    """
    known = opinions.part(params, str(view.code))
    weights, _ = _weights(known, items)
    asked = _side(params, view, users, items, shape, 1.0)
    mine = weights[opinions.echoes_at(known)]
    out = np.zeros((len(users), len(items)), dtype=np.float32)
    for weight, variance in zip(mine, opinions.echoed(known, asked, spread=True), strict=True):
        out += weight**2 * variance
    spread: Floats = np.sqrt(out)
    return spread


def _weights(known: Params, items: Items) -> tuple[Floats, float]:
    if "counts" not in known:
        return opinions.given(known, items), 1.0
    return known["counts"].numpy(), float(known["caution"][0])


def _choices(params: Params, told: Told, terms: Terms, caution: float, seed: int) -> choices.Choices:
    """A garment that each shopper took, drawn, beside others drawn half by what sells, half at random."""
    rng = stream(seed, "panel", told.view.code)
    known = opinions.part(params, str(told.view.code))
    sold = np.exp(opinions.popularity(known, told.items)[0].astype(np.float64))
    chance = 0.5 * sold / sold.sum() + 0.5 / len(sold)
    size = min(terms.alternatives, max(1, len(sold) // 2))
    found = []
    for start in range(0, len(told.users), ROWS):
        some = told[start : start + ROWS]
        own = np.array([rng.choice(some.taken[row].indices) for row in range(len(some.users))])
        others = np.sort(rng.choice(len(sold), size, replace=False, p=chance))
        columns, place = np.unique(np.concatenate([others, own]), return_inverse=True)
        among = Items(told.items.catalogue, told.items.rows[columns])
        asked = _side(params, told.view, some.users, among, terms.shape, caution)
        said = np.stack(list(opinions.formed(known, asked)), axis=2)
        lead = said[:, place[:size]] - said[np.arange(len(own)), place[size:]][:, None]
        offset = np.where(some.taken[:, others].toarray() > 0, -np.inf, -np.log(np.minimum(size * chance[others], 1)))
        found.append(choices.Choices(lead.astype(np.float32), offset.astype(np.float32)))
    return choices.joined(found)


def _sharpened(params: Params, told: Told, terms: Terms, found: Params) -> Floats:
    """`counts` moved towards what tells those that were taken from all others at the head of each list."""
    known = opinions.part(params, str(told.view.code))
    weights, caution = found["counts"].numpy(), float(found["caution"][0])
    heads = []
    for start in range(0, len(told.users), _FEW):
        some = told[start : start + _FEW]
        asked = _side(params, told.view, some.users, some.items, terms.shape, caution)
        said = np.stack(list(opinions.formed(known, asked)), axis=2)
        heads.append(_head(said, weights, some.taken))
    asked_again = choices.joined(heads)
    if not len(asked_again.lead):
        return weights
    return choices.learned(asked_again, weights, terms.penalty, FLOOR)


def _head(said: Floats, weights: Floats, taken: Csr) -> choices.Choices:
    """What was taken among the head of each list, beside all else there; `said` [U, I, E]."""
    scores = said @ weights
    size = min(HEAD, scores.shape[1])
    top = np.argpartition(-scores, size - 1, axis=1)[:, :size]
    mine = np.take_along_axis(taken.toarray() > 0, top, axis=1)
    row, place = np.nonzero(mine)
    listed = said[row[:, None], top[row]]
    lead = listed - listed[np.arange(len(row)), place][:, None]
    offset = np.where(mine[row], -np.inf, 0.0)
    return choices.Choices(lead.astype(np.float32), offset.astype(np.float32))


def _side(
    params: Params, view: View, users: Users, items: Items, shape: domain_factors.Shape, caution: float
) -> opinions.Side:
    table, _ = domain_factors.candidates(params, items)
    vectors = _vectors(params, view, users.history, shape)
    return opinions.Side(view, users, items, vectors, table[:, :-1], params["profile_block"].numpy(), caution)


def _vectors(params: Params, view: View, history: Csr, shape: domain_factors.Shape) -> Tensor:
    """[U, K] where the bridge puts a shopper, moved on by what they took in the domain; zeros of strangers."""
    here, there = (np.flatnonzero(active(within(history, rows))) for rows in (view.own, view.other))
    found = torch.zeros(history.shape[0], params["item"].shape[1] - 1)
    bridge = opinions.part(params, str(view.code))
    if "weight" in bridge and len(there):
        source = domain_factors.other_vectors(params, view, history[there], shape)
        found[torch.from_numpy(there)] = bridges.mapped(bridge, source)
    if len(here):
        rows = torch.from_numpy(here)
        found[rows] = domain_factors.own_vectors(params, view, history[here], shape, found[rows])
    return found
