"""A list with slots for new garments in it, and the exact probability with which each garment is in the list.

Every slot has a part of the pool of its own, by family, and draws one garment of it. So no two slots can draw the same
family, and the probability that a garment is in the list is the probability that it wins its slot. What is not drawn
is there or not for certain: probability one.
"""

from typing import NamedTuple

import numpy as np

from muslin.engine.explore.plan import Plan
from muslin.engine.explore.winning import Doubles, highest_bound, thompson
from muslin.types import Bools, Floats, Ints


class Pool(NamedTuple):
    """Garments that may take a slot: rows [P], families [P], mean and spread of what they are worth, what is owed."""

    row: Ints
    family: Ints
    mean: Doubles
    spread: Doubles
    owed: Doubles

    def take(self, which: Bools) -> "Pool":
        """Only some of them."""
        places = np.flatnonzero(which)
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
    parts = _parts(family, pool, n, plan)
    drawn = [_drawn(part, plan, rng) for part in parts]
    kept = best[: n - len(parts)]
    length = len(kept) + len(drawn)
    places = [int((slot + 0.5) * length / len(drawn)) for slot in range(len(drawn))]
    row, propensity = np.empty(length, dtype=np.int64), np.ones(length, dtype=np.float32)
    explored = np.zeros(length, dtype=bool)
    explored[places] = True
    row[~explored] = kept
    row[places], propensity[places] = [r for r, _ in drawn], [p for _, p in drawn]
    return Shown(row, explored, propensity)


def shares(part: Pool, plan: Plan) -> Doubles:
    """[P] probability with which each garment of one slot's `part` wins it."""
    if plan.policy == "thompson":
        won = thompson(part.mean, part.spread)
    else:
        won = highest_bound(part.mean, part.spread, plan.width)
    owed = part.owed.sum()
    mixed = won if owed <= 0 else (1 - plan.owed) * won + plan.owed * part.owed / owed
    return np.asarray(mixed / mixed.sum())


def _parts(family: Ints, pool: Pool, n: int, plan: Plan) -> list[Pool]:
    """The parts of the slots that have one; a garment that is in the list anyway, or its family, is in none."""
    slots = count = min(plan.slots(n), n)
    parts: list[Pool] = []
    while count:
        free = pool.take(~(pool.family[:, None] == family[: n - count]).any(axis=1))
        slot = free.family % slots
        parts = [part for s in range(slots) if len((part := free.take(slot == s)).row)]
        if len(parts) == count:
            break
        count = len(parts)  # the list gets longer by what the slots do not need, and the pool shorter: until it is so
    return parts if count else []


def _drawn(part: Pool, plan: Plan, rng: np.random.Generator) -> tuple[int, float]:
    probability = shares(part, plan)
    below = probability.cumsum()
    place = min(int(below.searchsorted(rng.random() * below[-1], side="right")), len(below) - 1)
    return int(part.row[place]), float(probability[place])
