"""A shop seen from one of its domains: which garments are its own and which the others', and who took what of each.

For a target domain the source is all other domains together.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from muslin.random import stream
from muslin.types import Bools, Csr, Events, Ints, TrainData


@dataclass(frozen=True)
class View:
    """Trained items as the domain `code` sees them: rows `own` (ascending) are in it, rows `other` are not."""

    code: int
    own: Ints
    other: Ints


def views(domain: Ints, count: int) -> tuple[View, ...]:
    """A view of each of the `count` domains; `domain` [N]: codes of the trained items."""
    return tuple(View(code, np.flatnonzero(domain == code), np.flatnonzero(domain != code)) for code in range(count))


def within(history: Csr, rows: Ints) -> Csr:
    """`history` [U, N'] of the items `rows` only [U, len(rows)], every event counting 1. N' may exceed the rows."""
    return sp.csr_matrix(history[:, rows].sign(), dtype=np.float32)


def active(history: Csr) -> Bools:
    """[U] whether a shopper took anything."""
    return np.asarray(np.diff(history.indptr) > 0)


def shared(pairs: Csr, view: View) -> Ints:
    """Rows of `pairs` [M, N] of the shoppers who took something in the domain and something outside."""
    return np.flatnonzero(active(within(pairs, view.own)) & active(within(pairs, view.other)))


def drawn(pairs: Csr, sides: tuple[View, ...], seed: int, *, share: float = 0.2, least: int = 20) -> tuple[Ints, ...]:
    """For each view `share` of its shared shoppers, nobody twice; none of a view with fewer than `least` of them."""
    free, found = np.ones(pairs.shape[0], dtype=bool), []
    for view in sides:
        rows = shared(pairs, view)
        order = stream(seed, "domains", view.code).permutation(rows[free[rows]])
        picked = np.sort(order[: round(share * len(rows))]) if len(rows) >= least else rows[:0]
        free[picked] = False
        found.append(picked)
    return tuple(found)


def hidden(data: TrainData, sides: tuple[View, ...], shoppers: tuple[Ints, ...]) -> TrainData:
    """`data` without what `shoppers` (rows, for each view) took in the domain of that view."""
    events, target = data.events, np.full(len(data.shoppers), -1, dtype=np.int64)
    for view, rows in zip(sides, shoppers, strict=True):
        target[rows] = view.code
    keep = target[events.user] != data.catalogue.domain[events.item]
    left = Events(events.user[keep], events.item[keep], events.weight[keep], events.time[keep])
    return replace(data, events=left)
