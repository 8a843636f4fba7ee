"""The offset between new and known items that makes the best one list of both at a bounded price.

An offset added to all new items moves places from known ones to them. Of the offsets at which the known items of a
shopper's lists lose no more than a share of their NDCG@20, that is taken at which all items together have the most.

Source: none that we know; an intercept chosen on held-out data is half of Platt 1999 (Advances in Large Margin
Classifiers). Differs: it is chosen by the accuracy of the lists, under a bound, and not by likelihood.
"""

import numpy as np

from muslin.types import Bools, Csr, Floats

_PLACES = 20
_STEPS = 41
"""Offsets tried."""
_UNDER = 2
"""Logits by which the best new item stands under the best known one where an offset is tried: a rule of thumb."""
_FEWEST = 8
"""Shoppers with something true on either side, without whom nothing is moved."""


def offset(logits: Floats, truth: Csr, new: Bools, price: float) -> float:
    """Offset for the columns `new` [I] of `logits` [U, I] (minus infinity where closed), given what is `truth` [U, I].

    `price`: the share of the NDCG of known items that may be lost. Zero where there is nothing to choose by.
    """
    known, fresh = (np.asarray(truth[:, np.flatnonzero(side)].sum(axis=1)).ravel() > 0 for side in (~new, new))
    tried = _tried(logits, new)
    if min(known.sum(), fresh.sum()) < _FEWEST or not len(tried):
        return 0.0
    found = np.array([_accuracy(logits, truth, new, value) for value in tried])
    everything, warm = found[:, :, 0].mean(axis=1), found[:, known, 1].mean(axis=1)
    allowed = warm >= (1 - price) * warm[0]
    return float(tried[np.argmax(np.where(allowed, everything, -1.0))])


def _tried(logits: Floats, new: Bools) -> Floats:
    """Offsets from the one at which no list has a new item to the one at which most lists are of new ones.

    Between them, those at which more and more shoppers have their best new item no further than `_UNDER` under their
    best known one: it stands in the list, if not at its head. Empty where nobody has an open item on both sides.
    """
    best = [logits[:, side].max(axis=1, initial=-np.inf) for side in (~new, new)]
    both = np.isfinite(best[0]) & np.isfinite(best[1])
    if not both.any():
        return np.empty(0, dtype=np.float32)
    gap, known = (best[0] - best[1])[both], logits[:, ~new]
    low = known[np.isfinite(known)].min() - best[1][both].max()
    tried: Floats = np.concatenate([[low], np.quantile(gap, np.linspace(0, 1, _STEPS)) - _UNDER, np.sort(gap)[-1:]])
    return np.sort(tried).astype(np.float32)


def _accuracy(logits: Floats, truth: Csr, new: Bools, value: float) -> Floats:
    """[U, 2] NDCG of all items, and of the known ones in the same list."""
    moved = logits.copy()
    moved[:, new] += np.float32(value)
    places = min(_PLACES, moved.shape[1])
    top = np.argpartition(-moved, places - 1, axis=1)[:, :places]
    order = np.argsort(-np.take_along_axis(moved, top, axis=1), axis=1, kind="stable")
    top = np.take_along_axis(top, order, axis=1)
    taken = truth.toarray() > 0
    discount = 1 / np.log2(np.arange(2, places + 2))
    hit = np.take_along_axis(taken, top, axis=1) * discount
    whole, warm = _best(taken.sum(axis=1), discount), _best(taken[:, ~new].sum(axis=1), discount)
    return np.stack([hit.sum(axis=1) / whole, (hit * ~new[top]).sum(axis=1) / warm], axis=1).astype(np.float32)


def _best(count: np.ndarray, discount: np.ndarray) -> np.ndarray:
    """[U] what the best list reaches with so many true items; 1 where there is none."""
    best: np.ndarray = np.concatenate([[1.0], np.cumsum(discount)])[np.minimum(count, len(discount))]
    return best
