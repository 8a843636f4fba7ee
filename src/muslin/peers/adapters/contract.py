"""What an adapter says of the peers it runs, and what it must provide.

An adapter is a file of this folder with `PEERS`, what it can run, and `fit(exam, peer, options)`, which trains one of
them and returns a `Scorer`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Value: TypeAlias = bool | int | float | str
Options: TypeAlias = dict[str, Any]
"""Value of each option of a peer; `Peer.options` says of what type each is."""
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float32]
Csr: TypeAlias = sp.csr_matrix


@dataclass(frozen=True)
class Option:
    """One setting: its default, and where a tuner looks: `low` to `high` (both ends included), or `values`."""

    default: Value
    help: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Peer:
    """One model of another project.

    `environment` names the text of pins (`requirements/NAME.txt`) and the folder it is installed in; `module` is what
    is imported, `distribution` what is installed. `reads`: what of a shopper it uses ("history", "profile"); one who
    brings none of it gets popularity, as with our own methods. `new_item`, `new_shopper`: what it does for them, in
    words, and whether that is the library's own doing or ours; `tells_new_items_apart` is false where all new items
    score alike.
    """

    name: str
    environment: str
    module: str
    distribution: str
    summary: str
    new_item: str
    new_shopper: str
    tells_new_items_apart: bool
    reads: frozenset[str]
    options: Mapping[str, Option]

    def defaults(self) -> Options:
        """Default of every option."""
        return {name: option.default for name, option in self.options.items()}


@dataclass(frozen=True)
class Train:
    """Training events: rows of shoppers and items, weight, and time (microseconds since 1970, UTC), each [E]."""

    user: Ints
    item: Ints
    weight: Floats
    time: Ints


@dataclass(frozen=True)
class Side:
    """What is known of all items, or of all shoppers.

    `matrix` [rows, D]; its columns come in `blocks` (name, kind, start, stop). `dense`: embeddings [rows, E] by column,
    rows of unit length or all zero.
    """

    matrix: Csr
    blocks: tuple[tuple[str, str, int, int], ...]
    dense: dict[str, Floats]

    def __len__(self) -> int:
        return int(self.matrix.shape[0])


@dataclass(frozen=True)
class Ask:
    """One question: U shoppers, I candidates.

    `rows` [U]: training row, -1 for a shopper who was not trained on. `features` [U, D] profiles. `history` [U, N] the
    largest weight of each pair, revealed events included. `items` [I]: rows of the candidates.
    """

    rows: Ints
    features: Csr
    history: Csr
    items: Ints

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, block: slice) -> "Ask":
        return Ask(self.rows[block], self.features[block], self.history[block], self.items)


@dataclass(frozen=True)
class Exam:
    """All that a peer may see. `texts` [N]: an item's words; `family` [N]: equal codes are variants of one product."""

    train: Train
    items: Side
    users: Side
    texts: list[str]
    family: Ints
    asks: tuple[Ask, ...]
    seed: int
    threads: int

    def matrix(self) -> Csr:
        """Preferences [M, N] float32: the largest weight of each (shopper, item) pair; 0 = no event."""
        order = np.lexsort((self.train.weight, self.train.item, self.train.user))
        user, item = self.train.user[order], self.train.item[order]
        last = np.ones(len(user), dtype=bool)
        last[:-1] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
        shape = (len(self.users), len(self.items))
        return sp.csr_matrix((self.train.weight[order][last], (user[last], item[last])), shape=shape, dtype=np.float32)


Scorer: TypeAlias = Callable[[Ask], Floats]
"""Scores [U, I] of an ask, finite, larger is better; called with blocks of its shoppers."""
