"""What another way of choosing would have earned, from a log of what was shown with which probability.

Source: Horvitz & Thompson 1952 (inverse propensity scoring); Swaminathan & Joachims 2015, "The Self-Normalized
Estimator for Counterfactual Learning"; Dudík, Langford & Li 2011, "Doubly Robust Policy Evaluation and Learning".
Effective sample size after Kish 1965.

Differs: weights can be clipped, and how much of the weight that cuts is reported; intervals are of the normal
approximation over shoppers when the rows name one, so that a shopper's rows do not count as independent.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from muslin.errors import DataError

Values = NDArray[np.float64]
_NORMAL = 1.959963984540054
FEW = 100
"""Effective sample size below which an estimate is called thin."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Rows of a log, one for each garment shown.

    `reward` [n]: what it earned. `propensity` [n] in (0, 1]: probability with which it was shown. `target` [n] in
    [0, 1]: probability with which the other policy would have shown it. `cluster` [n]: codes of shoppers; None where
    rows are independent. For the doubly robust estimate `expected` [n]: a model's reward for what was shown, and
    `value` [n]: its reward under the other policy, over all that could have been shown.
    """

    reward: Values
    propensity: Values
    target: Values
    cluster: NDArray[np.int64] | None = None
    expected: Values | None = None
    value: Values | None = None


class Estimate(NamedTuple):
    """Mean reward of a row under the other policy, with a 95 % interval."""

    estimator: str
    value: float
    ci_low: float
    ci_high: float
    effective_n: float
    """Rows that an unweighted sample as informative would have."""
    clipped: float
    """Share of the weight that clipping cut; it biases the estimate towards what was shown."""


def estimates(shown: Shown, clip: float | None = None) -> list[Estimate]:
    """IPS, SNIPS and, where a model's rewards are given, DR; weights above `clip` are cut to it.

    Raises `DataError`: `no_rows`, `bad_propensity`, `bad_reward`, `no_overlap` when the other policy would have shown
    nothing of this.
    """
    _refuse(shown)
    raw = shown.target / shown.propensity
    weight = raw if clip is None else np.minimum(raw, clip)
    if not weight.any():
        raise DataError(
            "the other policy would have shown nothing of this",
            code="no_overlap",
            fix="log with more exploration, or compare policies that choose alike",
        )
    about = (float(weight.sum() ** 2 / (weight**2).sum()), float(1 - weight.sum() / raw.sum()))
    found = [
        Estimate("ips", *_mean(weight * shown.reward, shown.cluster), *about),
        Estimate("snips", *_ratio(weight, shown.reward, shown.cluster), *about),
    ]
    if shown.expected is not None and shown.value is not None:
        rows = shown.value + weight * (shown.reward - shown.expected)
        found.append(Estimate("dr", *_mean(rows, shown.cluster), *about))
    return found


def _mean(rows: Values, cluster: NDArray[np.int64] | None) -> tuple[float, float, float]:
    centre = float(rows.mean())
    return _interval(centre, rows - centre, cluster)


def _ratio(weight: Values, reward: Values, cluster: NDArray[np.int64] | None) -> tuple[float, float, float]:
    """Σ w r / Σ w, its spread by the delta method."""
    centre = float((weight * reward).sum() / weight.sum())
    return _interval(centre, weight * (reward - centre) / weight.mean(), cluster)


def _interval(centre: float, influence: Values, cluster: NDArray[np.int64] | None) -> tuple[float, float, float]:
    """`influence` [n] of the rows on the estimate, mean 0; those of a cluster are summed before they are squared."""
    n = len(influence)
    sums = influence if cluster is None else np.bincount(np.unique(cluster, return_inverse=True)[1], weights=influence)
    groups = len(sums)
    spread = _NORMAL * float(np.sqrt((sums**2).sum() * groups / max(groups - 1, 1))) / n
    return centre, centre - spread, centre + spread


def _refuse(shown: Shown) -> None:
    if not len(shown.reward):
        raise DataError("the log has no rows", code="no_rows", fix="let the service log for a while")
    _refuse_first(~((shown.propensity > 0) & (shown.propensity <= 1)), "propensity is not above 0 and at most 1")
    _refuse_first(~((shown.target >= 0) & (shown.target <= 1)), "target is not a probability")
    for name in ("reward", "expected", "value"):
        values = getattr(shown, name)
        if values is not None and not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(f"{name} is not finite", code="bad_reward", where=f"row {row + 1}", fix="leave the row out")


def _refuse_first(bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        fix = "a row that could not be shown, or was not logged with its probability, says nothing: leave it out"
        raise DataError(why, code="bad_propensity", where=f"row {row + 1}", fix=fix)
