"""The trained items a garment is most alike in content: what lets a new one borrow what is known of them.

Source: as in item-based collaborative filtering (Sarwar et al. 2001, WWW, section 3.2), with content for ratings; the
weights are squared similarities that sum to one. Differs: similarity is the learned blend of columns (`nets.blend`).
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from muslin.features.kept import by_row
from muslin.nets import blend, rows
from muslin.types import Csr, Features, Floats, Ints, Params

_ROWS = 2048
"""Items compared with all others at once."""


def nearest(
    items: blend.Columns, known: blend.Columns, weights: blend.Weights, count: int, own: Ints | None = None
) -> Csr:
    """[I, N] weights of the `count` items of `known` most alike to each of `items`; rows sum to one, or to zero.

    `own` [I]: the row of each item among `known`, which is left out; None where they are none of them.
    """
    total = items.content.shape[0]
    parts = [sp.csr_matrix((0, known.content.shape[0]), dtype=np.float32)]
    for start in range(0, total, _ROWS):
        block = np.arange(start, min(start + _ROWS, total))
        alike = blend.blended(items.take(block), known, weights)
        if own is not None:
            alike[np.arange(len(block)), own[block]] = -np.inf
        parts.append(_heaviest(alike, count))
    return sp.csr_matrix(sp.vstack(parts), dtype=np.float32)


class New(NamedTuple):
    """New items of a catalogue: `near` [., N] trained ones; the one asked for stand at `place` [I]."""

    near: Csr
    place: Ints

    def votes(self, expected_UN: Floats) -> Floats:
        """[U, I] `votes` for those asked for: picking them is quicker than picking rows."""
        return np.ascontiguousarray(votes(expected_UN, self.near)[:, self.place])


def of_new(features: Features, params: Params, trained: int, count: int, rows: Ints) -> New:
    """`nearest` of the new items `rows` of a catalogue among the trained ones.

    `params`: `idf`, `weight` and `usual` of the blend. Where the catalogue is kept, each new item is compared once.
    """
    columns = blend.of_catalogue(features, params["idf"])
    weights = blend.of_params(params)

    def near(some: Ints) -> Csr:
        return nearest(columns.take(some), columns.take(np.arange(trained)), weights, count)

    if features.kept is None:
        return New(near(rows), np.arange(len(rows)))
    every = by_row(features, "near", (params["idf"], params["weight"], params["usual"]), trained, near)
    return New(every, rows - trained)


def votes(expected_UN: Floats, near_IN: Csr) -> Floats:
    """`expected @ near.T` [U, I]."""
    found: Floats = np.ascontiguousarray((near_IN @ expected_UN.T).T, dtype=np.float32)
    return found


def _heaviest(alike: Floats, count: int) -> Csr:
    found = rows.largest(alike, count)
    found.data = np.maximum(found.data, 0) ** 2
    found.eliminate_zeros()
    total = np.asarray(found.sum(axis=1)).ravel()
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sp.csr_matrix(sp.diags_array(scale) @ found)
