"""The words of Muslin as data: what is known of items and shoppers, and what a method trains on and scores.

Shape suffixes used across the package: U shoppers, I candidate items, N catalogue rows, M shopper rows, E events,
D item features, F shopper features, K latent dimensions, B batch.

Row convention: everywhere, rows `[0, n_hot)` of a catalogue (or of the shoppers) are those with events in the
training data, in the order the method was trained on; later rows are cold. A new garment is therefore appended and
never moves anyone's row.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from torch import Tensor

Params: TypeAlias = dict[str, Tensor]
"""Everything a method learned, by name. Plain tensors: saved as safetensors, averaged, compared, never pickled."""

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float32]
Bools: TypeAlias = NDArray[np.bool_]
Csr: TypeAlias = sp.csr_matrix
Kept: TypeAlias = dict[str, tuple[tuple[object, ...], object]]
"""Results by name, each with the inputs it was made of; see `features.kept`."""

Path = Literal["cold", "warming", "hot", "fallback"]
"""Which knowledge produced an answer; see `scoring.paths`."""


class Block(NamedTuple):
    """Columns `[start, stop)` of a feature matrix that came from one source column."""

    name: str
    start: int
    stop: int


class Dense(NamedTuple):
    """Embeddings of one source column: `vectors` [rows, E] float32 of unit length, all zero where there is none."""

    name: str
    vectors: Floats


@dataclass(frozen=True)
class Features:
    """Features of a table's rows: `matrix` [rows, D] float32, its columns grouped into `blocks`, and `dense` columns.

    A row without a value in a block is all zero there: missing is the absence of evidence, not a value. `kept`: what
    was made of it, by name, see `features.kept`; None where nothing is kept.
    """

    matrix: Csr
    blocks: tuple[Block, ...]
    dense: tuple[Dense, ...] = ()
    kept: Kept | None = field(default=None, repr=False, compare=False)

    def take(self, rows: slice | Ints) -> "Features":
        """Only the named rows."""
        dense = tuple(Dense(d.name, d.vectors[rows]) for d in self.dense)
        return Features(self.matrix[rows], self.blocks, dense)

    def only(self, names: Collection[str]) -> "Features":
        """Only the blocks and embeddings that came from the named columns."""
        dense = tuple(d for d in self.dense if d.name in names)
        kept = [b for b in self.blocks if b.name in names]
        if len(kept) == len(self.blocks):
            return Features(self.matrix, self.blocks, dense)
        columns = np.concatenate([np.empty(0, dtype=np.int64), *(np.arange(b.start, b.stop) for b in kept)])
        ends = np.cumsum([b.stop - b.start for b in kept])
        blocks = tuple(Block(b.name, int(e) - (b.stop - b.start), int(e)) for b, e in zip(kept, ends, strict=True))
        return Features(self.matrix[:, columns], blocks, dense)


@dataclass(frozen=True)
class Catalogue:
    """Items that can be scored.

    `ids` [N] strings. `family` [N]: equal codes are variants of one product. `category` [N, L]: codes of each level of
    the category path, coarse to fine, -1 where unknown or not met in training. `domain` [N]: places in `domains`, the
    domains met in training, -1 for any other. Rows `[0, n_hot)` have training events.
    """

    ids: NDArray[np.object_]
    features: Features
    family: Ints
    category: Ints
    domain: Ints
    domains: tuple[str, ...]
    n_hot: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Shoppers:
    """Shoppers that can be scored: `ids` [M], profile `features` [M, F]; rows `[0, n_hot)` have training events."""

    ids: NDArray[np.object_]
    features: Features
    n_hot: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Events:
    """Behaviour as rows of catalogue and shoppers: `user` [E], `item` [E], `weight` [E], `time` [E] (µs UTC)."""

    user: Ints
    item: Ints
    weight: Floats
    time: Ints

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class TrainData:
    """What a method may learn from. Every row of `catalogue` and `shoppers` is hot.

    `tastes` [M, T]: behaviour profiles, made only for methods whose `evidence` names them (`World.training`).
    `wanted` [N]: the garments to be recommended, where that is only a part of them: no batch of pairs asks for another.
    `strange`: the share of the pairs whose shopper is shown as one who took none of the wanted garments yet.
    `exposed` [M, N]: 1 where a garment was shown to a shopper, as far as impressions are logged; None where none are.
    """

    catalogue: Catalogue
    shoppers: Shoppers
    events: Events
    tastes: Features | None = None
    wanted: Bools | None = None
    strange: float = 0.0
    exposed: Csr | None = None

    def matrix(self) -> Csr:
        """Preferences [M, N] float32: the largest event weight of each (shopper, item) pair; 0 = no event."""
        return preference_matrix(self.events, len(self.shoppers), len(self.catalogue))


@dataclass(frozen=True)
class Users:
    """Shoppers to score for.

    `rows` [U]: training row, -1 for a shopper the method never saw. `features` [U, F]. `history` [U, N]: revealed
    preferences over the rows of the catalogue being scored (the support), as `TrainData.matrix` defines them.
    `tastes` [U, T]: behaviour profiles (`features.behaviour.tastes`), only for methods whose `evidence` names them.
    """

    rows: Ints
    features: Csr
    history: Csr
    tastes: Csr | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, block: slice | Ints) -> "Users":
        tastes = None if self.tastes is None else self.tastes[block]
        return Users(self.rows[block], self.features[block], self.history[block], tastes)


@dataclass(frozen=True)
class Items:
    """Candidates: `rows` [I] of `catalogue`."""

    catalogue: Catalogue
    rows: Ints

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Support:
    """Events revealed of garments that were not trained on.

    `weight` [S, I]: the largest event weight of each of `users` (S) with each of `items` (I); 0 = no event. The
    histories of `users` do not hold these events. `place` [S, I]: when in the order of time each shopper came to the
    item, from 1; None where nobody kept it.
    """

    users: Users
    items: Items
    weight: Csr
    place: Csr | None = None


def preference_matrix(events: Events, n_users: int, n_items: int) -> Csr:
    """CSR [n_users, n_items] with the largest weight of each pair; indices sorted, no explicit zeros."""
    order = np.lexsort((events.weight, events.item, events.user))
    user, item, weight = events.user[order], events.item[order], events.weight[order]
    last = np.ones(len(user), dtype=bool)
    last[:-1] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
    shape = (n_users, n_items)
    return sp.csr_matrix((weight[last].astype(np.float32), (user[last], item[last])), shape=shape)
