"""Protocols: which knowledge is hidden, who is asked, and among which candidates the truth must be found.

Every protocol turns a dataset and a seed into one `Exam`: a world that holds only what may be learned, and the
questions put to whatever learned from it.

Items without any event on either side of the cut are nobody's candidates: whether a shopper would have wanted a garment
nobody ever bought is unknown, and counting it as a miss would be a guess. What a shopper already took in training, or
revealed as support, is left out of their list.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from muslin.data import splits
from muslin.data.dataset import Dataset
from muslin.data.splits import Split
from muslin.errors import UsageError, nearest
from muslin.features.space import World, encode
from muslin.random import stream
from muslin.types import Csr, Ints, Items

K_MAX = 3
"""Items of a new shopper that are never asked for, so that all k share a query; a larger k asked for raises it."""


@dataclass(frozen=True)
class Ask:
    """One question put to every method alike.

    `users` [U] ids, `support` events revealed at scoring time, `items` the I candidates, `truth` [U, I] with an entry
    where an item is to be ranked high, `seen` [U, I] with one where it is left out of the list. `labels` [I]: the path
    under which a true item is counted. `k`: events revealed of the new thing, None where nothing is new.
    """

    view: str
    k: int | None
    users: tuple[str, ...]
    support: pl.DataFrame | None
    items: Items
    truth: Csr
    seen: Csr
    labels: NDArray[np.object_]


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
    """How a cut is drawn: its seed, the ks of new shoppers (`check_ks`), and how many shoppers an ask may hold."""

    seed: int
    ks: tuple[int, ...] = (0, 1, 3)
    max_users: int | None = None


@dataclass(frozen=True)
class Protocol:
    """A protocol by name; `headline` is the (view, path) by which methods are judged."""

    name: str
    asks: str
    headline: tuple[str, str | None]
    build: Callable[[Dataset, Terms], Exam]


def protocol(name: str) -> Protocol:
    """The protocol called `name`; raises `UsageError` (`unknown_protocol`) naming the nearest."""
    if name not in PROTOCOLS:
        raise UsageError(
            f"no protocol is called {name!r}", code="unknown_protocol", where="--protocol", fix=nearest(name, PROTOCOLS)
        )
    return PROTOCOLS[name]


def check_ks(ks: Sequence[int]) -> tuple[int, ...]:
    """`ks` sorted, once each; raises `UsageError` (`bad_k`) for none or a negative one."""
    if not ks or min(ks) < 0:
        raise UsageError(
            f"k must be one or more numbers from 0 up, got {list(ks)}",
            code="bad_k",
            where="--k",
            fix="say for example --k 0,1,3",
        )
    return tuple(sorted(set(ks)))


def item_cold(dataset: Dataset, terms: Terms) -> Exam:
    """New garments, whole families held out.

    View `within`: the cold items ranked among themselves. View `full`: all items with a training event and the cold
    ones in one list, counted apart by what the true item is, because one offset added to all cold scores trades warm
    for cold at will, and only the pair of figures says what was bought at what price.
    """
    split = splits.item_cold(dataset, terms.seed)
    world = encode(split.train)
    cold = np.sort(world.item_rows(sorted(split.cold_items)))
    hot = np.arange(world.catalogue.n_hot, dtype=np.int64)
    to_cold = split.query.filter(pl.col("item_id").is_in(list(split.cold_items)))
    within = _sampled(to_cold, terms, "item-cold within")
    full = _sampled(split.query, terms, "item-cold full")
    asks = (
        _ask(world, "within", within, cold, labels=_same("cold", cold)),
        _ask(world, "full", full, np.concatenate([hot, cold]), labels=_same("hot", hot) + _same("cold", cold)),
    )
    return Exam("item-cold", terms.seed, split, world, asks)


def user_cold(dataset: Dataset, terms: Terms) -> Exam:
    """New shoppers with their first k items revealed; same query and same candidates for every k.

    The items that the largest k reveals are out of everyone's list at every k: at k = 0 they would otherwise stand
    there as wrong answers, and the curve would rise by their leaving alone.
    """
    k_max = max(K_MAX, *terms.ks)
    cuts = {k: splits.user_cold(dataset, terms.seed, k=k, k_max=k_max) for k in {*terms.ks, k_max}}
    world = encode(cuts[k_max].train)
    hot = np.arange(world.catalogue.n_hot, dtype=np.int64)
    query = _sampled(cuts[k_max].query, terms, "user-cold")
    asks = [
        _ask(
            world,
            "full",
            query,
            hot,
            labels=_same("warming" if k else "cold", hot),
            k=k,
            support=cuts[k].support,
            left_out=cuts[k_max].support,
        )
        for k in terms.ks
    ]
    return Exam("user-cold", terms.seed, cuts[k_max], world, tuple(asks))


def warm(dataset: Dataset, terms: Terms) -> Exam:
    """Known shoppers, known garments: what a cold-start method must not cost."""
    split = splits.warm(dataset, terms.seed)
    world = encode(split.train)
    hot = np.arange(world.catalogue.n_hot, dtype=np.int64)
    query = _sampled(split.query, terms, "warm")
    return Exam("warm", terms.seed, split, world, (_ask(world, "full", query, hot, labels=_same("hot", hot), k=None),))


PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        Protocol("item-cold", "garments nobody has bought yet, whole families held out", ("within", "cold"), item_cold),
        Protocol("user-cold", "shoppers nobody has seen yet, after k of their items", ("full", None), user_cold),
        Protocol("warm", "known shoppers, known garments", ("full", "hot"), warm),
    )
}


def _ask(
    world: World,
    view: str,
    query: pl.DataFrame,
    candidates: Ints,
    *,
    labels: list[str],
    k: int | None = 0,
    support: pl.DataFrame | None = None,
    left_out: pl.DataFrame | None = None,
) -> Ask:
    users = query["user_id"].unique().sort().to_list()
    column = np.full(len(world.catalogue), -1, dtype=np.int64)
    column[candidates] = np.arange(len(candidates))
    place = {name: row for row, name in enumerate(users)}
    rows = np.array([place[u] for u in query["user_id"]], dtype=np.int64)
    columns = column[world.item_rows(query["item_id"].to_list())]
    truth = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(users), len(candidates)))
    seen = world.users(users, left_out).history[:, candidates]
    labels_I = np.array(labels, dtype=object)
    return Ask(view, k, tuple(users), support, Items(world.catalogue, candidates), truth, sp.csr_matrix(seen), labels_I)


def _same(label: str, rows: Ints) -> list[str]:
    return [label] * len(rows)


def _sampled(query: pl.DataFrame, terms: Terms, name: str) -> pl.DataFrame:
    """Rows of at most `terms.max_users` shoppers, drawn at random, the same for every method and k."""
    users = query["user_id"].unique().sort()
    limit = terms.max_users
    if limit is None or len(users) <= limit:
        return query
    drawn = users.gather(stream(terms.seed, "evaluate", name).permutation(len(users))[:limit].tolist())
    return query.filter(pl.col("user_id").is_in(drawn.implode()))
