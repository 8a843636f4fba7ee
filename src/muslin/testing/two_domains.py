"""A planted shop of two domains whose bridge is known: what a method makes of it can be held against the truth.

Shoppers have a taste z. In the source they take garments a with log-odds s z·a, in the target garments b with log-odds
s (zR)·b, R a rotation. With a personal bridge half of the shoppers, those who also take garments of their own side of
the source, want the opposite in the target: no one map for all can say that.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from muslin.random import stream
from muslin.types import Catalogue, Csr, Events, Features, Floats, Items, Shoppers, TrainData, Users

SOURCE, TARGET = 0, 1
_DIMENSIONS = 3
_STRENGTH = 2.0
_TAKEN = (15, 10)
"""Garments a shopper takes of either domain."""


@dataclass(frozen=True)
class Planted:
    """`data` of shoppers who are in both domains, and `strangers` [S], of whom only the source is known.

    `truth` [S, I] log-odds of the strangers with `items`, the target's I garments.
    """

    data: TrainData
    strangers: Users
    items: Items
    truth: Floats


def planted(seed: int = 0, *, personal: bool = False, shoppers: int = 1200, garments: int = 60) -> Planted:
    """World of `shoppers`, a tenth of them strangers to the target, and `garments` in each domain."""
    rng = stream(seed, "two domains")
    taste, side = rng.normal(size=(shoppers, _DIMENSIONS)), rng.choice([-1.0, 1.0], size=shoppers)
    rotation, _ = np.linalg.qr(rng.normal(size=(_DIMENSIONS, _DIMENSIONS)))
    source, target = (_unit(rng.normal(size=(garments, _DIMENSIONS))) for _ in range(2))
    leaning = np.where(np.arange(garments) % 2, 1.0, -1.0) * personal
    odds = _STRENGTH * np.stack([taste @ source.T + np.outer(side, leaning), taste @ rotation @ target.T])
    odds[TARGET] *= np.where(personal, side, 1.0)[:, None]
    taken = sp.csr_matrix(sp.hstack([_drawn(o, n, rng) for o, n in zip(odds, _TAKEN, strict=True)]), dtype=np.float32)
    known = shoppers - shoppers // 10
    catalogue = _catalogue(garments)
    events = taken[:known].tocoo()
    data = TrainData(catalogue, _shoppers(known), _events(events.row, events.col))
    hidden = taken[known:].tolil()
    hidden[:, garments:] = 0
    strangers = Users(np.full(shoppers - known, -1), sp.csr_matrix((shoppers - known, 0)), sp.csr_matrix(hidden))
    items = Items(catalogue, np.arange(garments, 2 * garments))
    return Planted(data, strangers, items, odds[TARGET, known:].astype(np.float32))


def _drawn(odds: np.ndarray, count: int, rng: np.random.Generator) -> Csr:
    """[M, N] the `count` garments each shopper takes, without repetition."""
    first = np.argpartition(-(odds + rng.gumbel(size=odds.shape)), count, axis=1)[:, :count]
    rows = np.repeat(np.arange(len(odds)), count)
    return sp.csr_matrix((np.ones(len(rows)), (rows, first.ravel())), shape=odds.shape)


def _unit(vectors: np.ndarray) -> np.ndarray:
    found: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def _catalogue(garments: int) -> Catalogue:
    n = 2 * garments
    return Catalogue(
        ids=np.array([f"g{i:03d}" for i in range(n)], dtype=object),
        features=Features(sp.csr_matrix((n, 0), dtype=np.float32), ()),
        family=np.arange(n),
        category=np.empty((n, 0), dtype=np.int64),
        domain=np.repeat([SOURCE, TARGET], garments),
        domains=("source", "target"),
        n_hot=n,
    )


def _shoppers(count: int) -> Shoppers:
    ids = np.array([f"u{i:04d}" for i in range(count)], dtype=object)
    return Shoppers(ids, Features(sp.csr_matrix((count, 0), dtype=np.float32), ()), count)


def _events(user: np.ndarray, item: np.ndarray) -> Events:
    return Events(
        user.astype(np.int64), item.astype(np.int64), np.ones(len(user), np.float32), np.zeros(len(user), np.int64)
    )
