"""Off-policy estimates on a planted bandit, whose truth is known."""

from typing import NamedTuple

import numpy as np
import pytest

from muslin.errors import DataError
from muslin.evaluate.off_policy import Estimate, Shown, estimates
from muslin.random import stream

ARMS = 5


class Bandit(NamedTuple):
    """Chances of a click, and what two policies do, for each of 20 kinds of shopper: [20, ARMS]."""

    click: np.ndarray
    logging: np.ndarray
    target: np.ndarray

    @property
    def truth(self) -> float:
        return float((self.target * self.click).sum(1).mean())


@pytest.fixture(scope="module")
def bandit() -> Bandit:
    rng = stream(3, "bandit")
    click = rng.uniform(0.02, 0.4, (20, ARMS))
    logging = rng.dirichlet(np.full(ARMS, 2.0), 20) * 0.8 + 0.2 / ARMS
    best = np.eye(ARMS)[click.argmax(1)]
    return Bandit(click, logging, 0.8 * best + 0.2 / ARMS)


def log(bandit: Bandit, n: int, seed: int, *, model: float | None = None, propensity: float = 1.0) -> Shown:
    """`model`: error of the reward model, None for none. `propensity`: factor by which it was logged wrong."""
    rng = stream(seed, "log")
    kind = rng.integers(20, size=n)
    arm = (rng.random((n, 1)) > bandit.logging[kind].cumsum(1)).sum(1).clip(max=ARMS - 1)
    reward = (rng.random(n) < bandit.click[kind, arm]).astype(float)
    more = {}
    if model is not None:
        guess = bandit.click + model
        more = {"expected": guess[kind, arm], "value": (bandit.target * guess).sum(1)[kind]}
    logged = bandit.logging[kind, arm] * propensity
    return Shown(reward=reward, propensity=logged, target=bandit.target[kind, arm], **more)


def by_name(found: list[Estimate]) -> dict[str, Estimate]:
    return {one.estimator: one for one in found}


@pytest.fixture(scope="module")
def trials(bandit: Bandit) -> dict[str, list[Estimate]]:
    runs = [by_name(estimates(log(bandit, 1500, seed, model=0.03))) for seed in range(400)]
    return {name: [run[name] for run in runs] for name in runs[0]}


def test_unbiased(bandit: Bandit, trials: dict[str, list[Estimate]]) -> None:
    for found in trials.values():
        values = np.array([one.value for one in found])
        assert abs(values.mean() - bandit.truth) < 4 * values.std() / np.sqrt(len(values))
    # The test can tell: the mean of the log itself is far away.
    naive = np.mean([log(bandit, 1500, seed).reward.mean() for seed in range(20)])
    assert abs(naive - bandit.truth) > 0.05


def test_variance_in_order(trials: dict[str, list[Estimate]]) -> None:
    spread = {name: np.std([one.value for one in found]) for name, found in trials.items()}
    assert spread["dr"] < 0.97 * spread["ips"]
    assert spread["snips"] < 0.97 * spread["ips"]


def test_intervals_cover(bandit: Bandit, trials: dict[str, list[Estimate]]) -> None:
    for found in trials.values():
        covered = np.mean([one.ci_low <= bandit.truth <= one.ci_high for one in found])
        assert 0.92 <= covered <= 0.98


def test_dr_survives_either_mistake(bandit: Bandit) -> None:
    """A wrong model with right propensities, and a right model with wrong propensities; IPS survives only the first."""
    bad_model = [by_name(estimates(log(bandit, 4000, s, model=0.3))) for s in range(60)]
    bad_log = [by_name(estimates(log(bandit, 4000, s, model=0.0, propensity=0.5))) for s in range(60)]
    for runs in (bad_model, bad_log):
        assert abs(np.mean([run["dr"].value for run in runs]) - bandit.truth) < 0.01
    assert np.mean([run["ips"].value for run in bad_log]) > 1.5 * bandit.truth


def test_clipping(bandit: Bandit) -> None:
    shown = log(bandit, 4000, 0)
    free, cut = by_name(estimates(shown))["ips"], by_name(estimates(shown, clip=2))["ips"]
    assert free.clipped == 0
    assert 0.05 < cut.clipped < 0.6
    assert cut.effective_n > free.effective_n
    assert cut.ci_high - cut.ci_low < free.ci_high - free.ci_low
    assert cut.value < free.value  # rewards are not negative, so what is cut can only lower it


def test_the_same_policy_is_the_mean_of_the_log() -> None:
    rng = stream(0, "same")
    reward, p = rng.random(500), rng.uniform(0.1, 1, 500)
    for one in estimates(Shown(reward=reward, propensity=p, target=p)):
        assert one.value == pytest.approx(reward.mean())
        assert one.effective_n == pytest.approx(500)


def test_a_shoppers_rows_are_not_independent() -> None:
    rng = stream(0, "clusters")
    taste = rng.normal(size=200)
    reward, ones = np.repeat(taste, 25), np.ones(5000)
    cluster = np.repeat(np.arange(200) * 7, 25)
    alone = by_name(estimates(Shown(reward=reward, propensity=ones, target=ones)))["ips"]
    grouped = by_name(estimates(Shown(reward=reward, propensity=ones, target=ones, cluster=cluster)))["ips"]
    width = 2 * 1.96 * taste.std() / np.sqrt(200)
    assert grouped.ci_high - grouped.ci_low == pytest.approx(width, rel=0.02)
    assert alone.ci_high - alone.ci_low == pytest.approx(width / 5, rel=0.02)


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"reward": [], "propensity": [], "target": []}, "no_rows", ""),
        ({"propensity": [0.5, 0.0]}, "bad_propensity", "row 2"),
        ({"propensity": [np.nan, 0.5]}, "bad_propensity", "row 1"),
        ({"propensity": [1.5, 0.5]}, "bad_propensity", "row 1"),
        ({"target": [0.5, -0.1]}, "bad_propensity", "row 2"),
        ({"reward": [0.0, np.inf]}, "bad_reward", "row 2"),
        ({"target": [0.0, 0.0]}, "no_overlap", ""),
    ],
)
def test_refused(change: dict[str, list[float]], code: str, where: str) -> None:
    columns = {"reward": [0.0, 1.0], "propensity": [0.5, 0.5], "target": [0.5, 0.5], **change}
    with pytest.raises(DataError) as caught:
        estimates(Shown(**{name: np.array(values, dtype=float) for name, values in columns.items()}))
    assert (caught.value.code, caught.value.where) == (code, where)
