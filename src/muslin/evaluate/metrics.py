"""Metrics from ranks, written as sums over true pairs.

Every metric here is a ratio `sum(gain) / sum(unit)` over the true pairs (u, i), which is what lets shoppers and items
be resampled (`bootstrap`). With `unit = 1/|true items of u|` the units of a shopper add up to one and the ratio is the
plain mean over shoppers; with `unit = 1/|shoppers of i|` it is the mean over items.

* ndcg: binary relevance, discount 1/log2(rank + 1), ideal over min(|true|, k) (Järvelin and Kekäläinen 2002). An
  item's part is its own discount: items of one shopper compete for ranks, which makes intervals a little wide.
* recall: found among the first k / |true items|, not / min(|true|, k).
* mrr: 1 / rank of the shopper's best true item, whatever its rank.
* stratified: recall in which a true pair weighs 1 / sqrt(shoppers who wanted the item), so that
  what sells anyway counts less (Steck 2011, RecSys, equation 4 with beta = 0.5; popularity is that of the questions,
  for new garments have no other).
* mdg: mean discounted gain of an item over the shoppers who wanted it (Zhu et al. 2021, SIGIR, fairness among new
  items), averaged over items: what a garment, not a shopper, gets.

Shape suffixes: P true pairs, sorted by shopper; M methods.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from muslin.types import Ints

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """True pairs of one split: codes of `user` [P] (sorted) and `item` [P], and each method's `ranks` [P, M]."""

    user: Ints
    item: Ints
    ranks: Ints

    def __len__(self) -> int:
        return len(self.user)


class Parts(NamedTuple):
    """One metric of every method: `gain` [P, M], `unit` [P], and whether it adds up over items, not shoppers alone."""

    gain: Doubles
    unit: Doubles
    by_item: bool


def names(cutoff: int) -> tuple[str, ...]:
    """Metric names in the order of `parts`; coverage, which is no sum over pairs, is not among them."""
    return (f"ndcg@{cutoff}", f"recall@{cutoff}", "mrr", f"stratified@{cutoff}", f"mdg@{cutoff}")


def parts(pairs: Pairs, cutoff: int) -> dict[str, Parts]:
    """Every metric of `names`."""
    wanted_P = _size_of_group(pairs.user)
    per_user, per_item = 1.0 / wanted_P, 1.0 / _size_of_group(pairs.item)
    rare = np.sqrt(per_item) * per_user
    discounted = np.where(pairs.ranks <= cutoff, 1.0 / np.log2(pairs.ranks + 1.0), 0.0)
    found = (pairs.ranks <= cutoff) * per_user[:, None]
    return {
        f"ndcg@{cutoff}": Parts(discounted / _ideal(wanted_P, cutoff)[:, None], per_user, by_item=True),
        f"recall@{cutoff}": Parts(found, per_user, by_item=True),
        "mrr": Parts(_best_only(pairs), per_user, by_item=False),
        f"stratified@{cutoff}": Parts((pairs.ranks <= cutoff) * rare[:, None], rare, by_item=True),
        f"mdg@{cutoff}": Parts(discounted * per_item[:, None], per_item, by_item=True),
    }


def values(part: Parts) -> Doubles:
    """The metric of each method [M]."""
    return np.asarray(part.gain.sum(axis=0) / part.unit.sum())


def coverage(top: Ints, n_candidates: int) -> float:
    """Share of the candidates that stand in at least one of the lists `top` [U, n] (-1 = empty place)."""
    return len(np.unique(top[top >= 0])) / n_candidates


def gini(top: Ints, candidates: Ints) -> float:
    """Gini coefficient of how often each of the columns `candidates` stands in the lists `top`: 0 even, 1 all to one.

    0 where none of them stands in any.
    """
    exposure = np.sort(np.bincount(top[top >= 0], minlength=int(candidates.max()) + 1)[candidates])
    n, total = len(exposure), exposure.sum()
    if not total:
        return 0.0
    return float(2 * (np.arange(1, n + 1) @ exposure) / (n * total) - (n + 1) / n)


def _size_of_group(codes: Ints) -> Ints:
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return counts[inverse]


def _ideal(wanted: Ints, cutoff: int) -> Doubles:
    """Discounted gain of a perfect list for shoppers who want `wanted` items."""
    best = np.cumsum(1.0 / np.log2(np.arange(2, cutoff + 2)))
    return np.asarray(best[np.minimum(wanted, cutoff) - 1])


def _best_only(pairs: Pairs) -> Doubles:
    """1 / rank [P, M] at each shopper's best true item, 0 elsewhere."""
    starts = np.flatnonzero(np.diff(pairs.user, prepend=pairs.user[:1] - 1))
    best = np.minimum.reduceat(pairs.ranks, starts, axis=0)
    shoppers = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(pairs)))
    return np.where(pairs.ranks == best[shoppers], 1.0 / pairs.ranks, 0.0)
