"""What the first shoppers of a new item add to its prior: a sum of likenesses, or the posterior of a Gaussian process.

Two shoppers are as alike as the cosine of their histories, popular items counting less. That is linear in the history
of the shopper asked, so whatever is learned of an item is a sparse vector over trained items: the sum over its shoppers
of coefficient x history. Serving is a sparse product, and an item keeps no more than its shoppers' histories.

Source: Gaussian process regression, Rasmussen and Williams 2006, equations 2.22 to 2.24, on the residual of a prior
mean; the sum is user-based collaborative filtering (Herlocker et al. 1999, SIGIR) in which the item's shoppers vote.
"""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from muslin.nets import stored
from muslin.nets.rows import unit_rows
from muslin.types import Csr, Floats, Ints, Items, Params, Support

Doubles = NDArray[np.float64]
Coefficients = Callable[[Doubles, Doubles], Doubles]
"""From the likenesses [k, k] of an item's k shoppers and the prior [k] of each to the coefficient [k] of each."""


def damping(pairs: Csr, power: float) -> Floats:
    """[N] what each trained item counts in a history: 1 / shoppers^power."""
    counts = np.maximum(np.asarray(pairs.getnnz(axis=0), dtype=np.float64), 1)
    return (counts**-power).astype(np.float32)


def damped(history: Csr, weight: Floats) -> Csr:
    """Histories [U, N] over trained items, damped and of unit length; an empty one stays empty."""
    return unit_rows(sp.csr_matrix(history[:, : len(weight)].sign() @ sp.diags_array(weight), dtype=np.float64))


def adapted(params: Params, support: Support, prior: Floats, coefficients: Coefficients) -> Params:
    """`params` with `adapted/rows` [J] and `adapted/...` [J, N]: what the events of J items add to their scores.

    `prior` [S, I]: the scores of the items of `support` for its shoppers before these events.
    """
    weight = params["damping"].numpy()
    histories = damped(support.users.history, weight)
    events = sp.csc_matrix(support.weight)
    rows, found = [], [sp.csr_matrix((0, len(weight)), dtype=np.float64)]
    for column in range(events.shape[1]):
        shoppers = events.indices[events.indptr[column] : events.indptr[column + 1]]
        if not len(shoppers):
            continue
        own = histories[shoppers]
        alike = (own @ own.T).toarray()
        share = coefficients(alike, prior[shoppers, column].astype(np.float64))
        rows.append(int(support.items.rows[column]))
        found.append(sp.csr_matrix(share[None, :] @ own))
    added = {"adapted/rows": torch.tensor(rows, dtype=torch.int64)}
    kept = {name: value for name, value in params.items() if not name.startswith("adapted/")}
    return kept | added | stored.tensors("adapted", sp.vstack(found))


def added(params: Params, history: Csr, items: Items) -> Floats:
    """[U, I] what adaptation adds to the scores; zero for items it was not told of, and before there was any."""
    out = np.zeros((history.shape[0], len(items)), dtype=np.float32)
    if "adapted/rows" not in params:
        return out
    columns, own = told(params, items)
    if len(columns):
        weight = params["damping"].numpy()
        vectors = stored.matrix(params, "adapted", len(weight))[own]
        out[:, columns] = (damped(history, weight) @ vectors.T).toarray()
    return out


def told(params: Params, items: Items) -> tuple[Ints, Ints]:
    """Columns of `items` that adaptation was told of, and the place of each in `adapted/rows`."""
    rows = params["adapted/rows"].numpy()
    # What was told may be of a catalogue that has grown since the one that is asked.
    place = np.full(max(len(items.catalogue), int(rows.max(initial=-1)) + 1), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    own = place[items.rows]
    columns = np.flatnonzero(own >= 0)
    return columns, own[columns]
