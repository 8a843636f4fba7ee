"""The few groups that a batch of tasks of differing length falls into, so that little of it is padding.

Tasks of differing length share a tensor by padding. Cut by length into groups, a batch of supports of 5 to 20 rows
wastes less than a tenth of its slots, where one tensor for all would waste two fifths.
"""

import numpy as np
from numpy.typing import NDArray

from muslin.types import Ints

WASTE = 0.1
"""Share of support slots, and of query slots, that may be padding."""


def groups(support: Ints, query: Ints, waste: float = WASTE) -> list[Ints]:
    """Positions of tasks of `support` [T] and `query` [T] rows, in few groups with at most `waste` padding of each.

    First by support, then each group by query; within a group the tasks keep their order.
    """
    return [own[asked] for own in _cut(support, waste) for asked in _cut(query[own], waste)]


def _cut(length: Ints, waste: float) -> list[Ints]:
    """Positions in the fewest groups that waste no more than that share of slots; of those, the ones with least."""
    kinds, kind, count = np.unique(length, return_inverse=True, return_counts=True)
    if not len(kinds):
        return []
    cost = _slots(kinds, count)
    best, cuts = cost[0], [np.zeros(len(kinds), dtype=np.int64)]
    while best[-1] - length.sum() > waste * best[-1]:
        best, cut = _one_more(best, cost)
        cuts.append(cut)
    group_of = np.searchsorted(_ends(cuts), np.arange(len(kinds)), side="right")[kind]
    return [np.flatnonzero(group_of == g) for g in range(len(cuts))]


def _slots(kinds: Ints, count: Ints) -> NDArray[np.float64]:
    """[L, L] slots, padding included, of one group of the lengths a..b; infinite where a > b."""
    total = np.cumsum(count)
    tasks = total[None] - (total - count)[:, None]
    return np.where(np.triu(np.ones_like(tasks, dtype=bool)), tasks * kinds[None].astype(np.float64), np.inf)


def _one_more(best: NDArray[np.float64], cost: NDArray[np.float64]) -> tuple[NDArray[np.float64], Ints]:
    """Fewest slots of lengths 0..b in one group more than `best`, and where the last group starts."""
    both = np.concatenate([[np.inf], best[:-1]])[:, None] + cost
    start = both.argmin(axis=0)
    return both[start, np.arange(len(best))], start


def _ends(cuts: list[Ints]) -> list[int]:
    """Ends (exclusive) of the groups, from where each number of groups starts its last one."""
    ends = [len(cuts[0])]
    for cut in reversed(cuts[1:]):
        ends.append(int(cut[ends[-1] - 1]))
    return ends[::-1]
