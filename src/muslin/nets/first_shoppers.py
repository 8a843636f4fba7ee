"""The first shoppers of many items at once: items with the same number of them make one batch of k x k systems."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from muslin.types import Csr, Floats, Ints, Items, Support, Users

Doubles = NDArray[np.float64]
_CELLS = 1 << 20
"""Columns of a product at most, so that what is made anew for each block of items stays small."""
_ITEMS = 64
"""Items whose shoppers are asked about at once: what is needed of each shopper may be as long as the catalogue."""


class Group(NamedTuple):
    """J items of a support with k shoppers each: their `columns` [J] and `shoppers` [J, k], rows of its users."""

    columns: Ints
    shoppers: Ints


def groups(events: Csr) -> list[Group]:
    """Items of `events` [S, I] that have one, fewest shoppers first."""
    by_item = sp.csc_matrix(events)
    counts, found = np.diff(by_item.indptr), []
    for k in np.unique(counts[counts > 0]):
        own = np.flatnonzero(counts == k)
        shoppers = by_item.indices[by_item.indptr[own][:, None] + np.arange(k)]
        found.append(Group(own, shoppers.astype(np.int64)))
    return found


def columns(found: Sequence[Group]) -> Ints:
    """Columns of the items of all groups, in the order of the support."""
    return np.sort(np.concatenate([group.columns for group in found] or [np.empty(0, dtype=np.int64)]))


def products(left: Csr, right: Csr, shoppers: Ints) -> Doubles:
    """[J, k, k] the products of the rows of `left` and `right` [S, N] that each item's `shoppers` [J, k] name."""
    out = np.zeros((*shoppers.shape, shoppers.shape[1]))
    for own in _blocks(len(shoppers), left.shape[1]):
        k = shoppers.shape[1]
        # Each item has columns of its own, so that shoppers of different items share none.
        product = sp.coo_matrix(_apart(left, shoppers[own]) @ _apart(right, shoppers[own]).T)
        out[own.start + product.row // k, product.row % k, product.col % k] = product.data
    return out


def values(pairs: Csr | Floats, group: Group) -> Doubles:
    """[J, k] what `pairs` [S, I] has for the shoppers of each item of a group."""
    columns = np.repeat(group.columns, group.shoppers.shape[1])
    return np.asarray(pairs[group.shoppers.ravel(), columns], dtype=np.float64).reshape(group.shoppers.shape)


def scored(support: Support, score: Callable[[Users, Items], Floats]) -> Csr:
    """[S, I] what `score` gives the pairs of `support` that have an event, and nothing else.

    Garments are asked about in blocks, each for its own shoppers only: all pairs of many garments would be too many.
    """
    events, found = sp.csc_matrix(support.weight), []
    for start in range(0, len(support.items), _ITEMS):
        own = sp.coo_matrix(events[:, start : start + _ITEMS])
        shoppers, row = np.unique(own.row, return_inverse=True)
        items = Items(support.items.catalogue, support.items.rows[start : start + _ITEMS])
        value = score(support.users[shoppers], items)[row, own.col] if len(row) else own.data
        found.append(sp.csr_matrix((value, (own.row, own.col)), shape=own.shape, dtype=np.float32))
    return sp.hstack(found, format="csr") if found else sp.csr_matrix(events.shape, dtype=np.float32)


def together(found: Sequence[Group], values: Sequence[NDArray[np.floating]], n_users: int) -> Csr:
    """[items told of, S] the value of each shopper of each item, of those [J, k] of each group; rows as `columns`."""
    place = columns(found)
    out = sp.csr_matrix((len(place), n_users))
    for group, value in zip(found, values, strict=True):
        row = np.repeat(np.searchsorted(place, group.columns), group.shoppers.shape[1])
        out += sp.csr_matrix((value.ravel(), (row, group.shoppers.ravel())), shape=out.shape)
    return out


def _blocks(n_items: int, width: int) -> Iterator[slice]:
    step = max(_CELLS // max(width, 1), 1)
    return (slice(low, min(low + step, n_items)) for low in range(0, n_items, step))


def _apart(rows: Csr, shoppers: Ints) -> Csr:
    """[J * k, J * N] the named rows, those of each item in columns of its own."""
    n_items, k = shoppers.shape
    own = rows[shoppers.ravel()]
    starts = np.repeat(np.arange(n_items, dtype=np.int64) * rows.shape[1], k)
    moved = own.indices + np.repeat(starts, np.diff(own.indptr))
    return sp.csr_matrix((own.data, moved, own.indptr), shape=(own.shape[0], n_items * rows.shape[1]))
