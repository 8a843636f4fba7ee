"""What an exam is: a world that holds only what may be learned, and questions put to whatever learned from it.

Items without any event on either side of the cut are nobody's candidates: whether a shopper would have wanted a garment
nobody ever bought is unknown, and counting it as a miss would be a guess. What a shopper already took in training, or
what is revealed of them at any k, is left out of their list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from muslin.data.cutting import Split
from muslin.data.dataset import Dataset
from muslin.features.space import World
from muslin.random import stream
from muslin.types import Bools, Csr, Floats, Ints, Items

K_MAX = 3
"""Events of a new thing that are never asked for, so that all k share a query; a larger k asked for raises it."""


@dataclass(frozen=True)
class Ask:
    """One question put to every method alike.

    `users` [U] ids, `support` events revealed of them at scoring time, `revealed` events of new garments with known
    shoppers, `items` the I candidates, `truth` [U, I] with an entry where an item is to be ranked high, `seen` [U, I]
    with one where it is left out of the list. `labels` [I]: the path under which a true item is counted. `k`: events
    revealed of the new thing, None where nothing is new. `domain`: where the candidates are from, "all" for any.
    `new_share`: the share of places in the lists that new garments are given by one offset to all their scores, the
    same for every shopper; None leaves the scores as they are.
    """

    view: str
    k: int | None
    users: tuple[str, ...]
    support: pl.DataFrame | None
    items: Items
    truth: Csr
    seen: Csr
    labels: NDArray[np.object_]
    revealed: pl.DataFrame | None = None
    domain: str = "all"
    new_share: float | None = None


class Block(NamedTuple):
    """Scores [U, I], and which shoppers [U] were answered by popularity for want of anything known about them.

    `chance`, `spread` [U, I]: the probability and the standard deviation of each score, where the method states any.
    """

    scores: Floats
    fallback: Bools
    chance: Floats | None = None
    spread: Floats | None = None


Scores = Callable[[Ask, slice], Block]
"""Scores of an ask's candidates for some of its shoppers."""


@dataclass(frozen=True)
class Exam:
    """One protocol at one seed."""

    protocol: str
    seed: int
    split: Split
    world: World
    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class Terms:
    """How a cut is drawn: its seed, the ks of what is new (`protocol.check_ks`), and how many shoppers an ask holds."""

    seed: int
    ks: tuple[int, ...] = (0, 1, 3)
    max_users: int | None = None

    @property
    def k_max(self) -> int:
        """How many first events of a new thing are never asked for."""
        return max(K_MAX, *self.ks)


@dataclass(frozen=True)
class Protocol:
    """A protocol by name.

    `headlines`: the (view, path) by which methods are judged, None standing for any. `cut`: the protocol that hides the
    same events, if another does: one fit answers both.
    """

    name: str
    asks: str
    headlines: tuple[tuple[str | None, str | None], ...]
    build: Callable[[Dataset, Terms], Exam]
    cut: str | None = None

    def judges(self, view: str, path: str) -> bool:
        """Whether methods are judged by this question."""
        return any(v in (None, view) and p in (None, path) for v, p in self.headlines)


@dataclass(frozen=True)
class Candidates:
    """Catalogue `rows` [I] in ascending order, and the `label` [I] under which each is counted."""

    rows: Ints
    labels: NDArray[np.object_]


def hot(world: World, label: str = "hot") -> Candidates:
    """Every item with a training event."""
    return _labelled(np.arange(world.catalogue.n_hot, dtype=np.int64), label)


def cold(world: World, split: Split, label: str = "cold") -> Candidates:
    """The split's cold items."""
    return _labelled(np.sort(world.item_rows(sorted(split.cold_items))), label)


def both(left: Candidates, right: Candidates) -> Candidates:
    """`left`, then `right`: hot rows come before cold ones."""
    return Candidates(np.concatenate([left.rows, right.rows]), np.concatenate([left.labels, right.labels]))


@dataclass(frozen=True)
class Told:
    """What is known when the question is put, beside the training data.

    `support` events of the shoppers asked, `revealed` events of new garments with known shoppers, `left_out`: pairs
    that nobody is offered because they are revealed at some k.
    """

    k: int | None = 0
    support: pl.DataFrame | None = None
    revealed: pl.DataFrame | None = None
    left_out: pl.DataFrame | None = None


NOTHING = Told()
"""Something new, and nothing known of it."""


def ask(
    world: World, view: str, query: pl.DataFrame, among: Candidates, told: Told = NOTHING, domain: str = "all"
) -> Ask:
    """Question after the pairs of `query` (`user_id`, `item_id`), all of them `among` the candidates."""
    users = query["user_id"].unique().sort().to_list()
    column = np.full(len(world.catalogue), -1, dtype=np.int64)
    column[among.rows] = np.arange(len(among.rows))
    place = {name: row for row, name in enumerate(users)}
    rows = np.array([place[u] for u in query["user_id"]], dtype=np.int64)
    columns = column[world.item_rows(query["item_id"].to_list())]
    truth = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(users), len(among.rows)))
    seen = sp.csr_matrix(world.users(users, told.left_out).history[:, among.rows])
    items = Items(world.catalogue, among.rows)
    return Ask(view, told.k, tuple(users), told.support, items, truth, seen, among.labels, told.revealed, domain)


def path(k: int) -> str:
    """Under which knowledge answers for something new fall after `k` of its events."""
    return "warming" if k else "cold"


def sampled(query: pl.DataFrame, terms: Terms, name: str) -> pl.DataFrame:
    """Rows of at most `terms.max_users` shoppers, drawn at random, the same for every method and k."""
    users = query["user_id"].unique().sort()
    limit = terms.max_users
    if limit is None or len(users) <= limit:
        return query
    chosen = users.gather(stream(terms.seed, "evaluate", name).permutation(len(users))[:limit].tolist())
    return query.filter(pl.col("user_id").is_in(chosen.implode()))


def _labelled(rows: Ints, label: str) -> Candidates:
    return Candidates(rows, np.full(len(rows), label, dtype=object))
