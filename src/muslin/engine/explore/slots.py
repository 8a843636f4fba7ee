"""A list with slots for new garments in it, and the exact probability with which each garment is in the list.

Every slot has a part of the pool of its own, by family, and draws one garment of it. So no two slots can draw the same
family, and the probability that a garment is in the list is the probability that it wins its slot. What is not drawn
is there or not for certain: probability one.
"""

from typing import NamedTuple

import numpy as np

from muslin.engine.explore.plan import Plan
from muslin.engine.explore.winning import ONE_PART, Doubles, highest_bound, parts, thompson
from muslin.types import Bools, Floats, Ints


class Pool(NamedTuple):
    """Garments that may take a slot: rows [P], families [P], mean and spread of what they are worth, what is owed."""

    row: Ints
    family: Ints
    mean: Doubles
    spread: Doubles
    owed: Doubles

    def take(self, places: Ints) -> "Pool":
        """Only some of them, in this order."""
        return Pool(self.row[places], self.family[places], self.mean[places], self.spread[places], self.owed[places])


class Shown(NamedTuple):
    """A list [n]: rows, which of them were drawn for a slot, and the probability that each is in the list."""

    row: Ints
    explored: Bools
    propensity: Floats


def shown(best: Ints, family: Ints, pool: Pool, n: int, plan: Plan, rng: np.random.Generator) -> Shown:
    """`n` of the garments `best` [L] (rows in order, one a family; `family` [L] theirs), some slots drawn from `pool`.

    A slot whose part of the pool is empty goes to the next of `best`.
    """
    pool, start = _parts(family, pool, n, plan)
    drawn = _drawn(pool, start, plan, rng)
    kept = best[: n - len(drawn)]
    length = len(kept) + len(drawn)
    places = [int((slot + 0.5) * length / len(drawn)) for slot in range(len(drawn))]
    row, propensity = np.empty(length, dtype=np.int64), np.ones(length, dtype=np.float32)
    explored = np.zeros(length, dtype=bool)
    explored[places] = True
    row[~explored] = kept
    if drawn:
        row[places], propensity[places] = pool.row[[at for at, _ in drawn]], [p for _, p in drawn]
    return Shown(row, explored, propensity)


def shares(pool: Pool, plan: Plan, start: Ints = ONE_PART) -> Doubles:
    """[P] probability with which each garment wins the slot whose part it is in; `start` [S]: where parts begin."""
    part = parts(start, len(pool.row))
    if plan.policy == "thompson":
        won = thompson(pool.mean, pool.spread, start)
    else:
        each = zip(np.split(pool.mean, start[1:]), np.split(pool.spread, start[1:]), strict=True)
        won = np.concatenate([highest_bound(mean, spread, plan.width) for mean, spread in each])
    owed = np.add.reduceat(pool.owed, start)
    guaranteed = np.where(owed > 0, plan.owed, 0.0)
    mixed = (1 - guaranteed)[part] * won + (guaranteed / np.maximum(owed, 1e-300))[part] * pool.owed
    return np.asarray(mixed / np.add.reduceat(mixed, start)[part])


def _parts(family: Ints, pool: Pool, n: int, plan: Plan) -> tuple[Pool, Ints]:
    """What may take a slot, slot by slot, and where the part of each begins; slots without anything have none.

    A garment that is in the list anyway, or its family, is in no part.
    """
    slots = count = min(plan.slots(n), n)
    order = start = ONE_PART[:0]
    while count:
        free = (~(pool.family[:, None] == family[: n - count]).any(axis=1)).nonzero()[0]
        slot = pool.family[free] % slots
        by_slot = slot.argsort(kind="stable")
        order, slot = free[by_slot], slot[by_slot]
        first = np.ones(len(slot), dtype=bool)
        first[1:] = slot[1:] != slot[:-1]
        start = first.nonzero()[0]
        if len(start) == count:
            break
        count = len(start)  # the list gets longer by what the slots do not need, and the pool shorter: until it is so
    return pool.take(order), start


def _drawn(pool: Pool, start: Ints, plan: Plan, rng: np.random.Generator) -> list[tuple[int, float]]:
    """Of each part the place of the one that was drawn, and the probability that it was."""
    if not len(start):
        return []
    probability, found = shares(pool, plan, start), []
    for first, stop in zip(start.tolist(), [*start[1:].tolist(), len(pool.row)], strict=True):
        below = probability[first:stop].cumsum()
        place = first + min(int(below.searchsorted(rng.random() * below[-1], side="right")), len(below) - 1)
        found.append((place, float(probability[place])))
    return found
