"""95 % intervals for metrics measured on shoppers x items, over several splits.

A metric is a ratio of sums over true pairs (see `metrics`). Pairs of one shopper are alike, pairs of one garment are
alike, and splits share both, so pairs are not independent observations.

Source: the pigeonhole bootstrap (Owen 2007, Ann. Appl. Stat. 1(2)): shoppers and garments are resampled with
replacement, each on its own, and a pair weighs the product of the two counts. The same shopper or garment carries the
same weight in every split and for every method, so paired differences see the same resamples.

Differs: the resamples give the *shape* of the interval, not its width. With one or two pairs per shopper, as in a shop,
the pigeonhole counts pair noise three times (Owen 2007) and its intervals come out up to 1.7 times too wide. The width
is therefore that of the two-way clustered variance (Cameron, Gelbach and Miller 2011, JBES 29(2)) of the linearised
ratio, V(shopper) + V(garment) - V(pair), never below V(shopper). What splits differ by beyond that (training noise,
which garments were held out) is estimated by moments, as between-study variance is in a meta-analysis (DerSimonian and
Laird 1986), and added; resampling three seeds instead would understate it by a third.
Quantiles are Student's, with Satterthwaite's degrees of freedom: three splits, or ten garments, are few. With one split
its own variation cannot be seen, and the interval is about shoppers and garments alone; with three whose own variation
exceeds all else, an interval holds the truth nine times in ten, not nineteen in twenty.

Shape suffixes: P pairs, C columns (a metric of a method, or a difference of two), B resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from muslin.random import stream
from muslin.types import Bools, Floats, Ints

Doubles = NDArray[np.float64]

_NORMAL = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

_CELLS = 2_000_000
"""Pair weights held at once; bounds memory at some 40 MB."""


@dataclass(frozen=True)
class Sample:
    """One split: per pair its `user` and `item` cluster [P] (codes shared by all splits), `gain` and `unit` [P, C]."""

    user: Ints
    item: Ints
    gain: Doubles
    unit: Doubles

    def value(self) -> Doubles:
        """The ratios [C]."""
        return np.asarray(self.gain.sum(axis=0) / self.unit.sum(axis=0))


class Estimate(NamedTuple):
    """Mean over splits, 95 % interval, standard error and degrees of freedom, all [C]."""

    value: Doubles
    low: Doubles
    high: Doubles
    error: Doubles
    freedom: Doubles


def estimate(
    samples: Sequence[Sample],
    by_item: Bools,
    seed: int,
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    replicates: int = 1000,
) -> Estimate:
    """Value and interval of each column over the splits `samples`.

    `by_item` [C] is false for columns that do not add up over items (mrr): only their shoppers are resampled. Intervals
    are cut at `bounds`; with fewer than two shoppers, or garments, they span them, for nothing is known.
    """
    value = np.mean([s.value() for s in samples], axis=0)
    error, freedom = _error(samples, by_item)
    low, high = _shape(resampled(samples, by_item, seed, replicates))
    stretch = np.where(np.isfinite(error), error, 0.0) * stdtrit(freedom, 0.975) / _NORMAL
    unknown = ~np.isfinite(error)
    return Estimate(
        value,
        np.where(unknown, bounds[0], np.clip(value + stretch * low, *bounds)),
        np.where(unknown, bounds[1], np.clip(value + stretch * high, *bounds)),
        error,
        freedom,
    )


def difference(samples: Sequence[Sample], left: Ints, right: Ints) -> list[Sample]:
    """Samples whose columns are `left` minus `right` columns of `samples`; each pair of columns shares its unit."""
    return [Sample(s.user, s.item, s.gain[:, left] - s.gain[:, right], s.unit[:, left]) for s in samples]


def p_values(difference: Estimate) -> Doubles:
    """Two-sided p of each difference being zero (Student's t)."""
    known = np.isfinite(difference.error) & (difference.error > 0)
    t = np.divide(np.abs(difference.value), difference.error, out=np.zeros_like(difference.value), where=known)
    p = 2 * stdtr(difference.freedom, -t)
    certain = (difference.error == 0) & (difference.value != 0)
    return np.where(certain, 0.0, np.where(known, p, 1.0))


def holm(p: Doubles, tests: int | None = None) -> Doubles:
    """Adjusted p values (Holm 1979): calling all below a real errs even once with probability a at most.

    `tests`: of how many possible comparisons `p` are the ones looked at; all of them by default. When the data chose
    which to look at (the best against the rest), every pair that could have been chosen counts.
    """
    order = np.argsort(p, kind="stable")
    factors = (len(p) if tests is None else tests) - np.arange(len(p))
    stepped = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    out = np.empty_like(stepped)
    out[order] = stepped
    return out


def resampled(samples: Sequence[Sample], by_item: Bools, seed: int, replicates: int) -> Doubles:
    """Pigeonhole replicates [B, C] of the mean over splits; NaN where a resample drew no pair at all."""
    n_users = 1 + max(int(s.user.max()) for s in samples)
    n_items = 1 + max(int(s.item.max()) for s in samples)
    users, items = stream(seed, "bootstrap", "users"), stream(seed, "bootstrap", "items")
    step = max(1, _CELLS // max(n_users, n_items, *(len(s.user) for s in samples)))
    blocks = []
    for start in range(0, replicates, step):
        size = min(step, replicates - start)
        w, v = _counts(users, size, n_users), _counts(items, size, n_items)
        blocks.append(np.mean([_weighted(s, w, v, by_item) for s in samples], axis=0))
    return np.concatenate(blocks)


def _counts(rng: np.random.Generator, size: int, n: int) -> Floats:
    """[size, n] how often each of n clusters is drawn when n are drawn with replacement."""
    drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
    return np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float32)


def _weighted(sample: Sample, w: Floats, v: Floats, by_item: Bools) -> Doubles:
    users_BP = np.take(w, sample.user, axis=1)
    pairs_BP = users_BP * np.take(v, sample.item, axis=1)
    out = np.empty((len(w), len(by_item)))
    for columns, weights in ((by_item, pairs_BP), (~by_item, users_BP)):
        if columns.any():
            # Single precision: only the shape of the interval comes from here.
            unit = weights @ sample.unit[:, columns].astype(np.float32)
            gain = weights @ sample.gain[:, columns].astype(np.float32)
            out[:, columns] = np.divide(gain, unit, out=np.full_like(gain, np.nan), where=unit > 0)
    return out


def _shape(replicates: Doubles) -> tuple[Doubles, Doubles]:
    """2.5 % and 97.5 % points of the standardised replicates; the normal's where they do not vary."""
    kept = replicates[np.isfinite(replicates).all(axis=1)]
    if len(kept) < 2:
        return np.full(replicates.shape[1], -_NORMAL), np.full(replicates.shape[1], _NORMAL)
    spread = kept.std(axis=0)
    flat = spread <= 1e-12
    low, high = (np.quantile(kept, (0.025, 0.975), axis=0) - kept.mean(axis=0)) / np.where(flat, 1.0, spread)
    return np.where(flat, -_NORMAL, low), np.where(flat, _NORMAL, high)


def _error(samples: Sequence[Sample], by_item: Bools) -> tuple[Doubles, Doubles]:
    """Standard error and degrees of freedom [C] of the mean over splits."""
    user, item, wobble = _cluster_variances(samples, by_item)
    between = _between_splits(samples, by_item, wobble)
    variance = wobble + between
    n_users, n_items = (len(np.unique(np.concatenate([getattr(s, k) for s in samples]))) for k in ("user", "item"))
    terms = ((user, n_users), (np.where(by_item, item, 0.0), n_items), (between, len(samples)))
    spent = sum((part**2 / max(n - 1, 1) for part, n in terms), np.zeros_like(variance))
    known = np.isfinite(variance) & (spent > 0)
    freedom = np.divide(variance**2, spent, out=np.full_like(variance, np.inf), where=known)
    return np.sqrt(variance), np.clip(freedom, 1.0, 1e6)


def _cluster_variances(samples: Sequence[Sample], by_item: Bools) -> tuple[Doubles, Doubles, Doubles]:
    """Variance [C] of the mean over splits by shopper, by garment, and by both ways together."""
    pull = np.concatenate([(s.gain - s.value() * s.unit) / s.unit.sum(axis=0) for s in samples]) / len(samples)
    user, item = (np.concatenate([getattr(s, k) for s in samples]) for k in ("user", "item"))
    by_users, by_garments = _clustered(pull, user), _clustered(pull, item)
    by_pairs = _clustered(pull, user * (int(item.max()) + 1) + item)
    shared = np.where(np.isfinite(by_pairs), by_pairs, 0.0)
    # Items of one shopper compete for ranks, so garments alone may vary more than both ways together do.
    both = np.maximum(by_users + by_garments - shared, by_users)
    return by_users, by_garments, np.where(by_item, both, by_users)


def _clustered(pull: Doubles, codes: Ints) -> Doubles:
    """Sum of squared cluster totals [C], with the small-sample factor G/(G-1); infinite for a single cluster."""
    _, cluster = np.unique(codes, return_inverse=True)
    n = int(cluster.max()) + 1
    if n < 2:
        return np.full(pull.shape[1], np.inf)
    totals = sp.csr_matrix((np.ones(len(cluster)), (cluster, np.arange(len(cluster)))), shape=(n, len(cluster))) @ pull
    return np.asarray((totals**2).sum(axis=0) * n / (n - 1))


def _between_splits(samples: Sequence[Sample], by_item: Bools, wobble: Doubles) -> Doubles:
    """Variance [C] that splits add to their mean beyond what shoppers and garments explain."""
    n = len(samples)
    if n < 2:
        return np.zeros(len(by_item))
    alone = np.mean([_cluster_variances([s], by_item)[2] for s in samples], axis=0)
    if not np.isfinite(alone).all():
        return np.zeros(len(by_item))
    observed = np.var([s.value() for s in samples], axis=0, ddof=1)
    # Splits share shoppers and garments, so they differ by less than each wobbles alone: alone - covariance.
    expected = n * (alone - wobble) / (n - 1)
    return np.asarray(np.maximum(observed - expected, 0.0) / n)
