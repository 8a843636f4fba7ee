"""What the first shoppers of a new item add to its prior: a sum of likenesses, or the posterior of a Gaussian process.

Two shoppers are as alike as the cosine of their histories, popular items counting less. That is linear in the history
of the shopper asked, so whatever is learned of an item is a sparse vector over trained items: the sum over its shoppers
of coefficient x history. Serving is a sparse product, and an item keeps no more than its shoppers' histories.

Source: Gaussian process regression, Rasmussen and Williams 2006, equations 2.22 to 2.24, on the residual of a prior
mean; the sum is user-based collaborative filtering (Herlocker et al. 1999, SIGIR) in which the item's shoppers vote.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from muslin.nets import stored
from muslin.nets.first_shoppers import Doubles, Group, columns, groups, products, together, values
from muslin.nets.rows import unit_rows
from muslin.types import Csr, Floats, Ints, Items, Params, Support

Coefficients = Callable[[Doubles, Doubles], Doubles]
"""From the likenesses [J, k, k] of each item's k shoppers and the prior [J, k] of each to the coefficients [J, k]."""


def damping(pairs: Csr, power: float) -> Floats:
    """[N] what each trained item counts in a history: 1 / shoppers^power."""
    counts = np.maximum(np.asarray(pairs.getnnz(axis=0), dtype=np.float64), 1)
    return (counts**-power).astype(np.float32)


def damped(history: Csr, weight: Floats) -> Csr:
    """Histories [U, N] over trained items, damped and of unit length; an empty one stays empty."""
    return unit_rows(sp.csr_matrix(history[:, : len(weight)].sign() @ sp.diags_array(weight), dtype=np.float64))


class Heard(NamedTuple):
    """Events of items before anything is made of them: the damped `histories` [S, N], and `alike` [J, k, k] by group.

    `rows` [items told of]: their catalogue rows.
    """

    histories: Csr
    groups: list[Group]
    alike: list[Doubles]
    rows: Ints


def heard(params: Params, support: Support) -> Heard:
    """What `support` says of whom, whatever is made of it."""
    histories = damped(support.users.history, params["damping"].numpy())
    found = groups(support.weight)
    alike = [products(histories, histories, group.shoppers) for group in found]
    return Heard(histories, found, alike, support.items.rows[columns(found)])


def adapted(params: Params, support: Support, prior: Csr | Floats, coefficients: Coefficients) -> Params:
    """`params` with `adapted/rows` [J] and `adapted/...` [J, N]: what the events of J items add to their scores.

    `prior` [S, I]: the scores of the items of `support` for their own shoppers before these events.
    """
    return weighed(params, heard(params, support), prior, coefficients)


def weighed(params: Params, told: Heard, prior: Csr | Floats, coefficients: Coefficients) -> Params:
    """`adapted`, of events that were heard already."""
    before = [values(prior, group) for group in told.groups]
    shares = [coefficients(*each) for each in zip(told.alike, before, strict=True)]
    sums = together(told.groups, shares, told.histories.shape[0]) @ told.histories
    kept = {name: value for name, value in params.items() if not name.startswith("adapted/")}
    return kept | {"adapted/rows": torch.from_numpy(told.rows)} | stored.tensors("adapted", sums)


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
