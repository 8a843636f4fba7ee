"""What follows from features and parameters alone, made once for a catalogue that is asked again and again.

Methods are pure, so the service would encode the whole catalogue for every request. A world that was put through
`append.keeping` keeps the last result of each name, for as long as it was made of the very same inputs; training and
evaluation, whose parameters move, do without.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar, cast

import numpy as np
import scipy.sparse as sp

from muslin.types import Csr, Features, Ints, Kept

T = TypeVar("T")


def once(features: Features, name: str, inputs: Sequence[object], make: Callable[[], T]) -> T:
    """`make()`, or what it gave before for the same objects `inputs`, which nobody changes; never to be changed."""
    kept = features.kept
    if kept is None:
        return make()
    found = kept.get(name)
    if found is None or not _same(found[0], inputs):
        found = kept[name] = (tuple(inputs), make())  # two threads may both make it: they make the same
    return cast(T, found[1])


class Rows(NamedTuple):
    """What was made of each row from `start` on: `matrix`; of the rows `stale` it is no longer true."""

    start: int
    matrix: Csr
    stale: frozenset[int]


def by_row(features: Features, name: str, inputs: Sequence[object], start: int, make: Callable[[Ints], Csr]) -> Csr:
    """`make(rows)` of all rows from `start` on; where it is kept, only of those that are new or were replaced.

    What `make` gives of a row may depend on that row and on those before `start` alone.
    """
    every = np.arange(start, features.matrix.shape[0], dtype=np.int64)
    if features.kept is None:
        return make(every)
    found = features.kept.get(name)
    if found is None or not _same(found[0], inputs):
        found = features.kept[name] = (tuple(inputs), Rows(start, make(every), frozenset()))
    rows = cast(Rows, found[1])
    had = rows.matrix.shape[0]
    fresh = np.array(sorted({*range(start + had, start + len(every)), *rows.stale}), dtype=np.int64)
    if not len(fresh):
        return rows.matrix
    order = np.arange(len(every))
    order[fresh - start] = had + np.arange(len(fresh))
    matrix = sp.csr_matrix(sp.vstack([rows.matrix, make(fresh)], format="csr")[order])
    features.kept[name] = (found[0], Rows(start, matrix, frozenset()))
    return matrix


def carried(kept: Kept | None, replaced: Iterable[int]) -> Kept | None:
    """What is still true of `kept` once rows were appended and the rows `replaced` replaced."""
    if kept is None:
        return None
    gone = frozenset(replaced)
    found: Kept = {}
    for name, (inputs, value) in list(kept.items()):
        if isinstance(value, Rows) and min(gone, default=value.start) >= value.start:
            found[name] = (inputs, value._replace(stale=value.stale | gone))
    return found


def _same(one: Sequence[object], other: Sequence[object]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
