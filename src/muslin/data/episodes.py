"""Tasks of learning to adapt: trained garments that act as new, and shoppers of whom little is known.

A garment's task is told of k shoppers who took it one after the other and asked for those who came next; its family,
and the families of all others in the batch, are in nobody's history, and it has no number of its own. A shopper's task
is told of k garments and asked for the next. Support and query are thus apart in time, and never share an event.
Garments are drawn alike from all strata of popularity and weigh by it; what is told against an entity comes from
exposure where that is logged, and else from a few strangers, the same for all tasks.

Source: episodes of support and query, Vinyals et al. 2016 (NeurIPS, "Matching networks"), section 2.2; a garment or a
shopper as a task, Lee et al. 2019 (KDD, "MeLU"), section 3.1, and Vartak et al. 2017 (NeurIPS), section 3. Differs:
support and query by time; all tasks of a batch are told equally many events, so that nothing is padded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import scipy.sparse as sp

from muslin.data.event_lists import Lists, lists, taken
from muslin.data.pairs import without_family
from muslin.random import stream
from muslin.types import Bools, Csr, Floats, Ints, TrainData

Entity: TypeAlias = Literal["garments", "shoppers"]
"""Whose tasks they are."""

KS = (0, 1, 2, 3, 5, 10, 20)
"""Events told."""
SHARE = 4
"""One family in so many acts as new at once, for the others to know the shoppers by."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How batches are drawn."""

    tasks: int = 64
    """Tasks of a batch at most."""
    asked: int = 3
    """Later events of a task that are asked for, at most."""
    refused: int = 16
    """Rows a task is told that count against it."""
    others: int = 128
    """Garments beside the asked ones that a shopper's task is to rank low."""
    strata: int = 4
    """Parts of the garments, by popularity, that are drawn from alike."""
    weight: float = 0.5
    """Power of a garment's events by which its task weighs."""
    garments: float = 0.6
    """Share of batches that are garments' tasks."""
    crossing: float = 0.25
    """Share of the shoppers' batches told of one domain and asked for another, where there are several."""
    steps: tuple[int, int] = (12, 64)
    """Batches of an epoch, at least and at most."""


class Told(NamedTuple):
    """Rows [T, S] of a batch: places in its `shoppers` and `items`, whether `wanted` (1, 0), and what they weigh."""

    shopper: Ints
    item: Ints
    wanted: Floats
    weight: Floats


class TaskBatch(NamedTuple):
    """T tasks of one kind, each told `k` events.

    `items` [I]: catalogue rows it touches, `hidden` [I]: which act as new. `history` [B, I]: not 0 for what B shoppers
    are known to have taken; `user` [B]: their rows. `told` [T, S], `asked` [T, Q]: pairs, of weight 0 where unknown; T
    garments are asked about the same Q shoppers, T shoppers about the same Q garments. `offset` [Q]: log of how often a
    garment of the query is drawn (0 for garments' tasks). `progress`: share of training gone by.
    """

    entity: Entity
    k: int
    items: Ints
    hidden: Bools
    history: Csr
    user: Ints
    told: Told
    asked: Told
    offset: Floats
    progress: float


class Strangers(NamedTuple):
    """Shoppers and garments that stand for all others: rows."""

    users: Ints
    items: Ints


def strangers(data: TrainData, seed: int, count: int) -> Strangers:
    """`count` of either, or as many as there are; garments by the root of their popularity."""
    pairs, rng = data.matrix(), stream(seed, "strangers")
    users, items = len(data.shoppers), len(data.catalogue)
    chance = np.sqrt(np.asarray(pairs.getnnz(axis=0), dtype=np.float64))
    able = int((chance > 0).sum())
    drawn = rng.choice(items, min(count, able), replace=False, p=chance / chance.sum())
    return Strangers(np.sort(rng.permutation(users)[:count]), np.sort(drawn))


def episodes(data: TrainData, seed: int, epoch: int, terms: Terms, *, progress: float = 0.0) -> Iterator[TaskBatch]:
    """Batches of one epoch: a pure function of its arguments. Kinds for which there are no tasks are left out."""
    rng = stream(seed, "episodes", epoch)
    drawer = _Drawer(data, terms, strangers(data, seed, terms.refused), progress, rng)
    low, high = terms.steps
    for _ in range(min(high, max(low, len(data.events) // (terms.tasks * terms.asked)))):
        k = int(rng.choice(KS))
        found = drawer.garments(k) if rng.random() < terms.garments else drawer.shoppers(k)
        if found is not None:
            yield found


class _Drawer:
    """Draws batches of one epoch; the lists of events are made once for it."""

    def __init__(
        self, data: TrainData, terms: Terms, known: Strangers, progress: float, rng: np.random.Generator
    ) -> None:
        self.data, self.terms, self.strangers, self.progress, self.rng = data, terms, known, progress, rng
        self.pairs = data.matrix()
        self.of_items: Lists = lists(data, "item", rng)
        self.of_users: Lists = lists(data, "user", rng)
        counts = self.of_items.counts().astype(np.float64)
        self.share = counts / counts.sum()
        root = np.sqrt(counts)
        self.chance = root / root.sum()
        self.left: dict[Entity, Csr] = {} if data.exposed is None else _left(data.exposed, self.pairs)

    def garments(self, k: int) -> TaskBatch | None:
        """Tasks of garments told of `k` shoppers each, or None where too few had more than that."""
        family, rng, terms = self.data.catalogue.family, self.rng, self.terms
        item = _one_a_family(self._stratified(np.flatnonzero(self.of_items.counts() > k)), family)
        item = item[: min(terms.tasks, len(np.unique(family)) // SHARE)]
        if len(item) < 2:
            return None
        told, asked = self.of_items.around(item, k, terms.asked, rng)
        column = asked[asked >= 0]
        t, r, q = len(item), len(self.strangers.users), len(column)
        refused = self._refused("garments", item, self.strangers.users)
        user = np.concatenate([told.ravel(), refused.ravel(), column])
        places = np.concatenate([np.arange(t * k).reshape(t, k), t * k + np.arange(t * r).reshape(t, r)], axis=1)
        history, items, place = self._histories(self.pairs[user], item)
        own = np.repeat(np.arange(t), (asked >= 0).sum(axis=1))
        wanted = (own == np.arange(t)[:, None]).astype(np.float32)
        unknown = taken(self.pairs, column, item).T & (wanted == 0)
        weight = self._weights(item)[:, None] * ~unknown
        of_task = np.broadcast_to(place[:, None], (t, k + r))
        against = ~taken(self.pairs, refused.ravel(), item)[np.arange(t * r), np.repeat(np.arange(t), r)]
        rows = Told(places, of_task, *balanced(t, k, against.reshape(t, r)))
        everyone = np.broadcast_to(t * (k + r) + np.arange(q), (t, q))
        query = Told(everyone, np.broadcast_to(place[:, None], (t, q)), wanted, weight.astype(np.float32))
        hidden = np.isin(family[items], family[item])
        offset = np.zeros(q, dtype=np.float32)
        return TaskBatch("garments", k, items, hidden, history, user, rows, query, offset, self.progress)

    def shoppers(self, k: int) -> TaskBatch | None:
        """Tasks of shoppers told of `k` garments each, or None where too few took more than that."""
        terms, rng = self.terms, self.rng
        some = self._crossing(k) if rng.random() < terms.crossing else None
        user, told, asked = some if some is not None else self._in_order(k)
        if len(user) < 2 or (k == 0 and not self.data.shoppers.features.matrix.nnz):
            return None
        others = rng.choice(len(self.share), min(terms.others, len(self.share)), p=self.chance)
        column = np.concatenate([asked[asked >= 0], others])
        t, q = len(user), len(column)
        refused = self._refused("shoppers", user, self.strangers.items)
        items, place = np.unique(np.concatenate([told.ravel(), refused.ravel(), column]), return_inverse=True)
        r = refused.shape[1]
        at_told, at_refused, at_asked = np.split(place, [t * k, t * (k + r)])
        alone, whole = self._histories_of(told)
        history = sp.csr_matrix(sp.vstack([alone, whole])[:, items])
        row = t * k + np.arange(t)
        shopper = np.concatenate([np.arange(t * k).reshape(t, k), np.repeat(row[:, None], r, axis=1)], axis=1)
        item = np.concatenate([at_told.reshape(t, k), at_refused.reshape(t, r)], axis=1)
        known = taken(self.pairs, user, np.arange(self.pairs.shape[1]))
        against = ~known[np.arange(t)[:, None], refused]
        rows = Told(shopper, item, *balanced(t, k, against))
        own = np.concatenate([np.repeat(np.arange(t), (asked >= 0).sum(axis=1)), np.full(len(others), -1)])
        wanted = (own == np.arange(t)[:, None]).astype(np.float32)
        weight = (~known[:, column] | (wanted > 0)).astype(np.float32)
        query = Told(np.repeat(row[:, None], q, axis=1), np.broadcast_to(at_asked, (t, q)), wanted, weight)
        drawn = len(others) * self.chance[column] + (q - len(others)) * self.share[column]
        hidden = np.zeros(len(items), dtype=bool)
        users = np.concatenate([np.repeat(user, k), user])
        offset = np.log(drawn).astype(np.float32)
        return TaskBatch("shoppers", k, items, hidden, history, users, rows, query, offset, self.progress)

    def _stratified(self, able: Ints) -> Ints:
        """`able` garments in a random order that takes from each stratum of popularity in turn."""
        counts = self.of_items.counts()[able]
        order = np.lexsort((self.rng.random(len(able)), counts))
        stratum = np.empty(len(able), dtype=np.int64)
        stratum[order] = np.arange(len(able)) * self.terms.strata // max(1, len(able))
        shuffled = self.rng.permutation(len(able))
        turn = np.empty(len(able), dtype=np.int64)
        for at in range(self.terms.strata):
            own = shuffled[stratum[shuffled] == at]
            turn[own] = np.arange(len(own))
        return able[np.lexsort((self.rng.random(len(able)), turn))]

    def _weights(self, item: Ints) -> Floats:
        """[T] of mean one."""
        weight = self.of_items.counts()[item].astype(np.float64) ** self.terms.weight
        found: Floats = (weight / weight.mean()).astype(np.float32)
        return found

    def _in_order(self, k: int) -> tuple[Ints, Ints, Ints]:
        """Shoppers [T], `k` garments of each [T, k], and the next ones [T, asked] (-1: none)."""
        able = np.flatnonzero(self.of_users.counts() > k)
        user = self.rng.permutation(able)[: self.terms.tasks]
        return (user, *self.of_users.around(user, k, self.terms.asked, self.rng))

    def _crossing(self, k: int) -> tuple[Ints, Ints, Ints] | None:
        """The same with what is told from one domain and what is asked from another; None where too few did so."""
        domain = self.data.catalogue.domain
        if not k or len(self.data.catalogue.domains) < 2:
            return None
        source, target = self.rng.permutation(len(self.data.catalogue.domains))[:2]
        before, after = self.of_users.where(domain == source), self.of_users.where(domain == target)
        able = self.rng.permutation(np.flatnonzero((before.counts() >= k) & (after.counts() > 0)))
        found = [(u, *_crossed(before, after, int(u), k, self.terms.asked)) for u in able[: 2 * self.terms.tasks]]
        kept = [one for one in found if len(one[2])][: self.terms.tasks]
        if len(kept) < 2:
            return None
        asked = np.full((len(kept), self.terms.asked), -1, dtype=np.int64)
        for row, (_, _, later) in enumerate(kept):
            asked[row, : len(later)] = later
        return np.array([u for u, _, _ in kept]), np.stack([told for _, told, _ in kept]), asked

    def _refused(self, kind: Entity, entity: Ints, usual: Ints) -> Ints:
        """[T, R] who or what counts against each entity: shown and not taken as far as logged, else `usual` ones."""
        found = np.repeat(usual[None], len(entity), axis=0)
        if kind in self.left:
            left = self.left[kind][entity]
            for row, (start, stop) in enumerate(zip(left.indptr[:-1], left.indptr[1:], strict=True)):
                own = self.rng.permutation(left.indices[start:stop])[: len(usual)]
                found[row, : len(own)] = own
        return found

    def _histories(self, history: Csr, item: Ints) -> tuple[Csr, Ints, Ints]:
        """Histories [B, I] without the families of `item`, the rows I that they and `item` touch, and where that is."""
        family = self.data.catalogue.family
        kept = sp.csr_matrix(history @ sp.diags_array((~np.isin(family, family[item])).astype(np.float32)))
        kept.eliminate_zeros()
        items, place = np.unique(np.concatenate([item, kept.indices]), return_inverse=True)
        columns = place[len(item) :]
        shared = sp.csr_matrix(
            (np.ones(len(columns), np.float32), columns, kept.indptr), shape=(len(kept.indptr) - 1, len(items))
        )
        return shared, items, place[: len(item)]

    def _histories_of(self, told: Ints) -> tuple[Csr, Csr]:
        """Histories over all items: of each told garment's shopper without its family [T * k, N], and whole [T, N]."""
        t, k = told.shape
        shape = (t, len(self.data.catalogue))
        rows = np.repeat(np.arange(t), k)
        whole = sp.csr_matrix((np.ones(t * k, np.float32), (rows, told.ravel())), shape=shape)
        alone = without_family(whole[rows], self.data.catalogue.family, told.ravel())
        return alone, whole


def _left(exposed: Csr, pairs: Csr) -> dict[Entity, Csr]:
    """What was shown and not taken: shoppers of each garment, garments of each shopper."""
    left = sp.csr_matrix(exposed - exposed.multiply(pairs.sign()))
    left.eliminate_zeros()
    return {"shoppers": left, "garments": sp.csr_matrix(left.T)}


def _crossed(before: Lists, after: Lists, user: int, k: int, asked: int) -> tuple[Ints, Ints]:
    """The first `k` garments of `before` and the first `asked` of `after` that came later."""
    told, asked_for = before.own(user)[:k], after.own(user)
    later = asked_for[after.time(user) > before.time(user)[k - 1]]
    return told, later[:asked]


def _one_a_family(item: Ints, family: Ints) -> Ints:
    """The first of each family, in their order."""
    return item[np.sort(np.unique(family[item], return_index=True)[1])]


def balanced(t: int, k: int, against: Bools) -> tuple[Floats, Floats]:
    """`wanted` and `weight` [T, k + R]: what speaks for the entity and against it weigh half each; all 0 for k = 0."""
    wanted = np.concatenate([np.ones((t, k)), np.zeros(against.shape)], axis=1).astype(np.float32)
    if not k:
        return wanted, np.zeros_like(wanted)
    counts = np.maximum(against.sum(axis=1, keepdims=True), 1)
    weight = np.concatenate([np.full((t, k), 0.5 / k), against * 0.5 / counts], axis=1)
    return wanted, weight.astype(np.float32)
