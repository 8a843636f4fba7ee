"""Networks of the entities that are told something, from their events: of shoppers by history, of garments by support.

The rows a network learns from are those of training (`data.episodes`): the events, each shopper shown without the
family of the garment in question, and the strangers that stand for all others, both sides weighing alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.adapt import belief, layouts, sides
from muslin.adapt.layouts import Networks
from muslin.adapt.rule import Rule
from muslin.adapt.rule import Told as Now
from muslin.adapt.sides import Garments, Shoppers
from muslin.adapt.tasks import Rows
from muslin.data.episodes import Told, balanced
from muslin.data.pairs import without_family
from muslin.nets import stored as sparse
from muslin.types import Bools, Csr, Features, Ints, Items, Params, Support, Users

_GROUP = 512
"""Entities adapted at once."""


@dataclass(frozen=True)
class Shop:
    """Shoppers [U] who are to be scored, and the garments [I] that they, the candidates and the strangers touch.

    `history` [U, I], `family` [I]; `candidates` and `strangers`: places in `everything`.
    """

    who: Shoppers
    everything: Garments
    history: Csr
    family: Ints
    profile: Csr
    candidates: Ints
    strangers: Ints


class Stored(NamedTuple):
    """Columns [J] of the candidates that were adapted, how far that is `believed` [J], and their decision networks."""

    columns: Ints
    believed: Tensor
    networks: Params


def shop(params: Params, users: Users, items: Items) -> Shop:
    """Both sides of what is to be scored."""
    catalogue, strange = items.catalogue, params["strangers/items"].numpy()
    rows = np.concatenate([items.rows, strange])
    touched, history, place = sides.touched(sp.csr_matrix(users.history.sign()), rows)
    everything = _garments(params, catalogue.features.take(touched), touched)
    who = sides.shoppers(params, history, everything, users.features)
    candidates, strangers = np.split(place, [len(items.rows)])
    return Shop(who, everything, history, catalogue.family[touched], users.features, candidates, strangers)


def of_shoppers(rule: Rule, params: Params, shop: Shop, most: int) -> Iterator[tuple[Tensor, Networks]]:
    """Rows of shoppers with a history, and their networks, part by part."""
    for k, users in _alike(np.diff(shop.history.indptr), most):
        items = np.stack([_some(shop.history.indices[slice(*shop.history.indptr[u : u + 2])], most) for u in users])
        rows = _rows_of_shoppers(rule, params, shop, users, items)
        found = rule.adapted(params, rows, Now("shoppers", k))
        own = Shoppers(*(side[torch.from_numpy(users)] for side in shop.who))
        yield torch.from_numpy(users), layouts.networks(found, rule.layout, "shoppers", own)


def of_garments(rule: Rule, params: Params, support: Support, most: int) -> Params:
    """`params` with what J garments have events for.

    `adapted/rows` [J], `adapted/belief` [J] (see `belief`) and `adapted/NAME` [J, ...]: their networks.
    """
    kept = {name: value for name, value in params.items() if not name.startswith("adapted/")}
    events = sp.csc_matrix(support.weight)
    events.eliminate_zeros()
    both, row = _sides_of(kept, support)
    prior = rule.prior(kept)
    columns, parts, counts = [], [], np.diff(events.indptr)
    for k, group in _alike(counts, most):
        buyers = np.stack([_some(events.indices[slice(*events.indptr[c : c + 2])], most) for c in group])
        rows = _rows_of_garments(rule, kept, support, both, (row[group], buyers))
        found = rule.adapted(kept, rows, Now("garments", k))
        columns.append(group)
        parts.append({n: v for n, v in found.items() if v.dim() > prior[n].dim()})
    if not parts:
        return kept
    names = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    order = np.concatenate(columns)
    believed = torch.from_numpy(belief.factors(kept, counts[order]))
    told = {"adapted/rows": torch.from_numpy(support.items.rows[order]), "adapted/belief": believed}
    return kept | told | {f"adapted/{name}": value for name, value in names.items()}


def stored(rule: Rule, params: Params, rows: Ints) -> Stored:
    """What `of_garments` added about catalogue `rows` [I]."""
    if "adapted/rows" not in params:
        return Stored(np.empty(0, dtype=np.int64), torch.empty(0), {})
    place = {int(row): at for at, row in enumerate(params["adapted/rows"])}
    columns = np.flatnonzero([int(row) in place for row in rows])
    at = torch.tensor([place[int(rows[c])] for c in columns], dtype=torch.int64)
    start = "adapted/"
    moved = {n.removeprefix(start): v[at] for n, v in params.items() if n.startswith(start)}
    believed, _ = moved.pop("belief"), moved.pop("rows")
    return Stored(columns, believed, rule.prior(params) | moved)


def _rows_of_shoppers(rule: Rule, params: Params, shop: Shop, users: Ints, items: Ints) -> Rows:
    t, k = items.shape
    alone = without_family(shop.history[np.repeat(users, k)], shop.family, items.ravel())
    without = sides.shoppers(params, alone, shop.everything, shop.profile[np.repeat(users, k)])
    who = Shoppers(
        *(torch.cat([one, own[torch.from_numpy(users)]]) for one, own in zip(without, shop.who, strict=True))
    )
    r = len(shop.strangers)
    known = np.asarray(shop.history[users][:, shop.strangers].toarray() > 0)
    whole = np.repeat(t * k + np.arange(t)[:, None], r, axis=1)
    shopper = np.concatenate([np.arange(t * k).reshape(t, k), whole], axis=1)
    item = np.concatenate([items, np.repeat(shop.strangers[None], t, axis=0)], axis=1)
    return layouts.pairs(params, rule.layout, (who, shop.everything), Told(shopper, item, *balanced(t, k, ~known)))


def _sides_of(params: Params, support: Support) -> tuple[tuple[Shoppers, Garments], Ints]:
    """The support's shoppers, then the strangers; the garments they touch, and where those of the support are."""
    catalogue, n = support.items.catalogue, len(params["sold"])
    own = sparse.matrix(params, "strangers", n)
    strange = sp.csr_matrix((own.data, own.indices, own.indptr), shape=(own.shape[0], len(catalogue)))
    profile = sparse.matrix(params, "strangers/profile", params["profile"].shape[0])
    history = sp.csr_matrix(sp.vstack([support.users.history.sign(), strange]))
    touched, history, place = sides.touched(history, support.items.rows)
    what = _garments(params, catalogue.features.take(touched), touched)
    who = sides.shoppers(params, history, what, sp.csr_matrix(sp.vstack([support.users.features, profile])))
    return (who, what), place


def _rows_of_garments(
    rule: Rule, params: Params, support: Support, both: tuple[Shoppers, Garments], tasks: tuple[Ints, Ints]
) -> Rows:
    place, buyers = tasks
    t, k = buyers.shape
    strange = params["strangers/users"].numpy()
    at = len(support.users) + np.arange(len(strange))
    took = (support.users.rows[buyers][:, :, None] == strange).any(axis=1)
    shopper = np.concatenate([buyers, np.repeat(at[None], t, axis=0)], axis=1)
    item = np.repeat(place[:, None], shopper.shape[1], axis=1)
    return layouts.pairs(params, rule.layout, both, Told(shopper, item, *balanced(t, k, ~took)))


def _garments(params: Params, features: Features, rows: Ints) -> Garments:
    nobody: Bools = np.zeros(len(rows), dtype=bool)
    return sides.garments(params, features, rows, nobody)


def _alike(counts: Ints, most: int) -> Iterator[tuple[int, Ints]]:
    """Entities with as many events, `most` or more counting as `most`; none of those without any."""
    told = np.minimum(counts, most)
    for k in np.unique(told[told > 0]).tolist():
        own = np.flatnonzero(told == k)
        for start in range(0, len(own), _GROUP):
            yield k, own[start : start + _GROUP]


def _some(rows: Ints, most: int) -> Ints:
    """At most so many of `rows`, evenly apart."""
    if len(rows) <= most:
        return rows.astype(np.int64)
    return rows[np.arange(most) * len(rows) // most].astype(np.int64)
