"""What is said of a domain's garments for a shopper: by those of both sides, by likeness, by profile, by factors.

Each opinion is a log-odds, or near enough for one weight to make it one: what sells to shoppers of both sides and how
that differs from what sells to all; by column how tastes elsewhere echo here (`nets.echoes`) and how alike a garment is
to what was taken; by profile column what sells to shoppers like that; and the score of the shopper's vector, which a
linear map makes of their vector elsewhere and what they took here moves on (`nets.domain_factors`, `nets.bridges`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.nets import backoff, blend, bridges, carried, domain_factors, echoes, stored
from muslin.nets.domains import View, shared, within
from muslin.nets.rows import row_means
from muslin.types import Csr, Features, Floats, Ints, Items, Params, TrainData, Users

_OVERALL = 0.5
"""What all shoppers of a domain take counts for as many events as those of both sides have, times this."""
LEAST = 20
"""Shoppers of both sides without whom no map is learned."""
_SHRINKAGE = 5.0
"""Items' worth of the coarser category in what a new garment is expected to sell."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How opinions are formed: see `methods.source_posterior.Config`."""

    map_strength: float
    smoothing: float
    profile_smoothing: float

    @classmethod
    def of(cls, config: object) -> "Shape":
        """The fields of a method's config that have these names."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})


class Side(NamedTuple):
    """Shoppers asked about garments `items`, all of the domain of `view`.

    `shoppers` [U, K], `garments` [I, K]: their vectors there. `profile_block` [F]: column of each profile feature.
    `caution`: what every kappa is multiplied by.
    """

    view: View
    users: Users
    items: Items
    shoppers: Tensor
    garments: Tensor
    profile_block: Ints
    caution: float


def fit(data: TrainData, view: View, factors: Params, shape: Shape, factor_shape: domain_factors.Shape) -> Params:
    """Everything opinions on the garments of one domain rest on.

    `sold/both/...` and `sold/all/...` as `nets.backoff.fit`; `profile` [F, N_g] log lifts; `pair/...` [D, D], `alone`,
    `usual` [D] and `kappa` [C] of the echoes; `itself/...` [N - N_g, N_g]; `idf` [D]; `carried/...` of `nets.carried`;
    and `weight`, `bias` of the map, where `LEAST` shoppers are on both sides.
    """
    pairs = sp.csr_matrix(data.matrix().sign(), dtype=np.float32)
    both, here = shared(pairs, view), within(pairs, view.own)
    features = data.catalogue.features
    values, owner = echoes.shares(features), blend.owners(features)
    there = within(pairs[both], view.other)
    sides, columns = (values[view.other], values[view.own]), len(features.blocks)
    found = echoes.fit(there, here[both], sides, owner, columns, shape.smoothing)
    params = {
        **_sold("sold/both", data, here[both], view),
        **_sold("sold/all", data, here, view),
        **stored.tensors("pair", found.pair),
        **stored.tensors("itself", _met(there, here[both], shape.smoothing)),
        "profile": _profiles(data.shoppers.features, here, shape.profile_smoothing),
        "profile_blocks": torch.tensor([len(data.shoppers.features.blocks)]),
        "idf": torch.from_numpy(blend.inverse_frequency(features.matrix)),
        **{name: torch.from_numpy(getattr(found, name)) for name in ("alone", "usual", "kappa")},
    }
    learned = carried.fit(pairs, view, domain_factors.content_of(factors, features))
    params |= {f"carried/{name}": value for name, value in learned.items()}
    if len(both) < LEAST:
        return params
    known = domain_factors.both_sides(factors, view, pairs, factor_shape)
    return params | bridges.linear(known.source, known.target, shape.map_strength)


def given(known: Params, items: Items) -> Floats:
    """Weights [E] of the opinions where none are learned."""
    profile = int(known["profile_blocks"][0])
    columns, dense = len(known["kappa"]), len(items.catalogue.features.dense)
    groups = ((0.1, 1), (0.9, 1), (0.1, 2), (3.0, 1), (0.3, 1), (0.3, profile), (0.3, columns), (0.5, columns + dense))
    return np.concatenate([np.full(count, weight, dtype=np.float32) for weight, count in groups])


def of_content(factors: Params, known: Params, side: Side) -> Floats:
    """[U, I] what other domains teach of content, to be added where no weights are learned; see `nets.carried`."""
    taught, features = part(known, "carried"), side.items.catalogue.features
    if not taught:
        return np.zeros((len(side.users), len(side.items)), dtype=np.float32)
    rows, history = _used(side.users.history.sign())
    there, here = (domain_factors.content_of(factors, features.take(r)) for r in (rows, side.items.rows))
    counts = np.maximum(backoff.expected(part(known, "sold/all"), side.items), 0)
    sales: Floats = carried.sales(taught, counts, here) - np.log(counts + 0.5)
    return carried.tastes(taught, history, there, here) + sales


def echoes_at(known: Params) -> slice:
    """Where the opinions of `echoed` stand among all."""
    start = 6 + int(known["profile_blocks"][0])
    return slice(start, start + len(known["kappa"]))


def formed(known: Params, side: Side) -> Iterator[Floats]:
    """The opinions [U, I] one after the other, always in the same order and number for one catalogue and its shoppers.

    What sells comes first.
    """
    for sold in _sales(known, side.items):
        yield np.tile(sold, (len(side.users), 1))
    yield (side.shoppers @ side.garments.T).numpy()
    yield _itself(known, side)
    yield from _profiled(known, side)
    yield from echoed(known, side)
    yield from _alike(known, side)


def popularity(known: Params, items: Items) -> tuple[Floats, Floats]:
    """[I] log of the share of what shoppers of both sides take, mixed with all shoppers', and of what those take."""
    both, every = (np.maximum(backoff.expected(part(known, f"sold/{n}"), items), 0) for n in ("both", "all"))
    return _logs(known, both, every)


def _logs(known: Params, both: Floats, every: Floats) -> tuple[Floats, Floats]:
    total = [max(float(known[f"sold/{n}/count"].sum()), 1.0) for n in ("both", "all")]
    overall = (every + 0.5) / total[1]
    mixed = (both / total[0] + _OVERALL * overall) / (1 + _OVERALL)
    return np.log(mixed).astype(np.float32), np.log(overall).astype(np.float32)


def _sales(known: Params, items: Items) -> list[Floats]:
    """`popularity`, and the roots of the shares, those of the best sellers at 1: in a root the head stands out."""
    logs = popularity(known, items)
    trained = _logs(known, known["sold/both/count"].numpy(), known["sold/all/count"].numpy())
    return [*logs, *(np.exp((log - every.max()) / 2) for log, every in zip(logs, trained, strict=True))]


def echoed(known: Params, side: Side, *, spread: bool = False) -> Iterator[Floats]:
    """[U, I] by column what tastes elsewhere say, or the variance of it."""
    features = side.items.catalogue.features
    rows, there = _used(within(side.users.history, side.view.other))
    tastes = sp.csr_matrix(row_means(there) @ echoes.shares(features.take(side.view.other[rows])))
    count, own = np.diff(there.indptr).astype(np.float32), echoes.shares(features.take(side.items.rows))
    owner = blend.owners(features)
    found = _echoes(known)
    of = echoes.variances if spread else echoes.scores
    for column in range(len(features.blocks)):
        mine = np.flatnonzero(owner == column)
        yield of(found, tastes, count, own, mine, side.caution * float(found.kappa[column]))


def _echoes(known: Params) -> echoes.Echoes:
    alone, usual, kappa = (known[name].numpy() for name in ("alone", "usual", "kappa"))
    return echoes.Echoes(stored.matrix(known, "pair", len(alone)), alone, usual, kappa)


def _alike(known: Params, side: Side) -> Iterator[Floats]:
    """[U, I] by column the cosine of what the shopper took, anywhere, with each garment; less where that was little."""
    features, idf = side.items.catalogue.features, known["idf"].numpy()
    rows, history = _used(side.users.history.sign())
    profile = blend.columns(features.take(rows), idf).profile(history)
    own = blend.columns(features.take(side.items.rows), idf)
    count = np.diff(history.indptr).astype(np.float32)
    kappa = side.caution * known["kappa"].numpy()
    for column in range(own.n_blocks):
        mine = np.flatnonzero(own.owner == column)
        cosine = (profile.content[:, mine] @ own.content[:, mine].T).toarray()
        yield cosine * (count / np.maximum(count + kappa[column], 1e-9))[:, None]
    for taste, vectors in zip(profile.dense, own.dense, strict=True):
        yield taste @ vectors.T * (count / np.maximum(count + side.caution, 1e-9))[:, None]


def _used(history: Csr) -> tuple[Ints, Csr]:
    """Columns of `history` with anything in them, and only those: a catalogue may be much longer."""
    rows = np.unique(history.indices).astype(np.int64)
    return rows, sp.csr_matrix(history[:, rows])


def _profiled(known: Params, side: Side) -> Iterator[Floats]:
    """[U, I] by profile column what sells to shoppers like that; nothing of new garments."""
    lift, column = known["profile"].numpy(), _columns(side)
    hot = column >= 0
    for block in range(int(known["profile_blocks"][0])):
        mine = np.flatnonzero(side.profile_block == block)
        out = np.zeros((len(side.users), len(column)), dtype=np.float32)
        out[:, hot] = _mixed(side.users.features[:, mine]) @ lift[mine][:, column[hot]]
        yield out


def _itself(known: Params, side: Side) -> Floats:
    """[U, I] how garments taken elsewhere, by themselves, echo in trained ones."""
    there, column = row_means(within(side.users.history, side.view.other)), _columns(side)
    hot = column >= 0
    out = np.zeros((there.shape[0], len(column)), dtype=np.float32)
    out[:, hot] = (there @ stored.matrix(known, "itself", len(side.view.own))[:, column[hot]]).toarray()
    return out


def _columns(side: Side) -> Ints:
    """[I] place of each garment among the trained ones of the domain, -1 for a new one."""
    rows, own = side.items.rows, side.view.own
    place = np.minimum(np.searchsorted(own, rows), len(own) - 1)
    return np.where(own[place] == rows, place, -1)


def _profiles(features: Features, taken: Csr, smoothing: float) -> Tensor:
    """[F, N_g] log of how much likelier shoppers with a profile feature take each garment than all do."""
    share, owner = echoes.shares(features), blend.owners(features)
    sold = np.asarray(taken.sum(axis=0)).ravel() + 1e-3
    chance = sold / sold.sum()
    met = np.asarray((share.T @ taken).todense(), dtype=np.float32) if len(owner) else np.zeros((0, len(sold)))
    total = met.sum(axis=1, keepdims=True)
    lift = np.log((met + smoothing * chance) / ((total + smoothing) * chance))
    return torch.from_numpy(lift.astype(np.float32))


def _met(there: Csr, here: Csr, smoothing: float) -> Csr:
    """[N - N_g, N_g] log(1 + met / expected) of garments elsewhere with garments here."""
    met = sp.csr_matrix(row_means(there).T @ here, dtype=np.float32)
    chance = (np.asarray(here.sum(axis=0)).ravel() + 1e-3) / max(float(here.sum()), 1.0)
    lifted = sp.csr_matrix(met @ sp.diags_array((1 / (smoothing * chance)).astype(np.float32)))
    lifted.data = np.log1p(lifted.data)
    return lifted


def _mixed(features: Csr) -> Csr:
    total = np.asarray(np.abs(features).sum(axis=1)).ravel()
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sp.csr_matrix(sp.diags_array(scale.astype(np.float32)) @ np.abs(features), dtype=np.float32)


def _sold(name: str, data: TrainData, taken: Csr, view: View) -> Params:
    counts = np.zeros(len(data.catalogue), dtype=np.float32)
    counts[view.own] = np.asarray(taken.sum(axis=0)).ravel()
    return {f"{name}/{part}": value for part, value in backoff.fit(counts, data.catalogue, _SHRINKAGE).items()}


def part(known: Params, name: str) -> Params:
    """Parameters whose names begin with `name`, without it."""
    start = f"{name}/"
    return {key.removeprefix(start): value for key, value in known.items() if key.startswith(start)}
