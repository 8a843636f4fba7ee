"""What is logged as a propensity is how often it happens, and the budget is never exceeded."""

from dataclasses import replace

import numpy as np
import pytest

from muslin.engine.assortment.state import fresh
from muslin.engine.explore.admission import admitted
from muslin.engine.explore.plan import DAY, Plan
from muslin.engine.explore.slots import Pool, shares, shown
from muslin.random import stream
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop

DRAWS = 1_000


def world(seed: int, *, pool: int = 25, best: int = 60) -> tuple[np.ndarray, np.ndarray, Pool]:
    """A ranked list of one garment a family, and a pool in which some garments are of the list or of its families."""
    rng = stream(seed, "slots")
    family = rng.permutation(200)
    listed = np.arange(best)
    row = np.concatenate([rng.choice(best, 5, replace=False), np.arange(100, 100 + pool - 5)])
    of_pool = np.concatenate([family[row[:5]], rng.integers(0, 200, pool - 5)])
    owed = rng.integers(0, 30, pool).astype(float)
    return listed, family[:best], Pool(row, of_pool, rng.normal(size=pool), rng.uniform(0.2, 2, pool), owed)


@pytest.mark.parametrize(("n", "policy"), [(20, "thompson"), (5, "thompson"), (40, "ucb"), (30, "thompson")])
def test_propensities_are_frequencies(n, policy) -> None:
    best, family, pool = world(n)
    plan, rng = Plan(policy=policy), stream(1, "draws")
    told: dict[int, float] = {}
    count: dict[int, int] = {}
    for _ in range(DRAWS):
        found = shown(best, family, pool, n, plan, rng)
        assert len(found.row) == n == len(set(found.row.tolist()))
        assert found.explored.sum() <= plan.slots(n)
        for row, propensity in zip(found.row.tolist(), found.propensity.tolist(), strict=True):
            assert told.setdefault(row, propensity) == propensity
            count[row] = count.get(row, 0) + 1
    for row, propensity in told.items():
        error = 4.5 * np.sqrt(propensity * (1 - propensity) / DRAWS)
        assert abs(count[row] / DRAWS - propensity) <= error + 1e-9, row
    # Of what can be seen at all, the propensities add up to the length of the list (rare winners may be missing).
    assert sum(told.values()) == pytest.approx(n, abs=0.05)


def test_inverse_propensities_estimate_the_whole_pool() -> None:
    """The reason for logging them: the mean over what was shown, weighted back, is that of everything in the pool."""
    best, family, pool = world(3)
    plan, rng = Plan(), stream(2, "ips")
    worth = dict(zip(pool.row.tolist(), stream(3, "worth").random(len(pool.row)), strict=True))
    estimates = []
    for _ in range(DRAWS):
        found = shown(best, family, pool, 20, plan, rng)
        drawn = zip(found.row[found.explored], found.propensity[found.explored], strict=True)
        estimates.append(sum(worth[int(r)] / p for r, p in drawn))
    listed = set(family[: 20 - plan.slots(20)].tolist())
    truth = sum(worth[int(r)] for r, f in zip(pool.row, pool.family, strict=True) if int(f) not in listed)
    error = np.std(estimates) / np.sqrt(DRAWS)
    assert abs(np.mean(estimates) - truth) < 4.5 * error


def test_families_are_never_shown_twice() -> None:
    best, family, pool = world(4)
    names = {**dict(zip(best.tolist(), family.tolist(), strict=True)), **dict(zip(pool.row, pool.family, strict=True))}
    for seed in range(300):
        rows = shown(best, family, pool, 30, Plan(share=0.3), stream(seed)).row
        families = [int(names[int(r)]) for r in rows]
        assert len(set(families)) == len(families)


def test_without_a_pool_the_list_is_the_best() -> None:
    best, family, pool = world(5)
    found = shown(best, family, pool.take(np.arange(0)), 20, Plan(), stream(0))
    assert found.row.tolist() == best[:20].tolist()
    assert not found.explored.any()
    assert (found.propensity == 1).all()


def test_a_list_shorter_than_asked_for() -> None:
    best, family, pool = world(6)
    found = shown(best[:3], family[:3], pool, 20, Plan(), stream(0))
    assert len(found.row) == 3 + found.explored.sum()
    assert not shown(best[:0], family[:0], pool.take(np.arange(0)), 20, Plan(), stream(0)).row.size


def test_budgets() -> None:
    assert [Plan().slots(n) for n in (1, 4, 5, 10, 19, 20, 100)] == [0, 0, 1, 1, 1, 2, 10]
    assert [Plan(share=0).slots(n) for n in (1, 20, 100)] == [0, 0, 0]


def test_what_is_owed_gets_its_mass() -> None:
    pool = Pool(np.arange(3), np.arange(3), np.array([9.0, 0, 0]), np.full(3, 0.1), np.array([0.0, 30, 10]))
    assert shares(pool, Plan(owed=0.5)) == pytest.approx([0.5, 0.375, 0.125])
    assert shares(pool._replace(owed=np.zeros(3)), Plan(owed=0.5)) == pytest.approx([1, 0, 0])


@pytest.fixture(scope="module")
def state():
    return fresh(fit(tiny_shop(items=80, users=60, events=120), "popularity"))


def test_every_admitted_garment_gets_what_it_is_owed(state) -> None:
    """Also the one that looks worst: the guarantee does not depend on the score."""
    plan, impressions = Plan(guarantee=10, admitted=8), np.zeros(len(state), dtype=np.int64)
    rng, hot = stream(0, "guarantee"), state.model.world.catalogue.n_hot
    cold = set(range(hot, len(state)))
    worst = np.linspace(1, -8, len(state))
    family = np.arange(len(state))
    for _ in range(1500):
        rows = admitted(state, impressions, now=DAY, opened=0, plan=plan)
        assert len(rows) <= plan.admitted
        assert set(rows.tolist()) <= cold
        owed = (plan.guarantee - impressions[rows]).astype(float)
        pool = Pool(rows, family[rows], worst[rows], np.full(len(rows), 0.5), owed)
        found = shown(np.arange(hot), family[:hot], pool, 20, plan, rng)
        np.add.at(impressions, found.row[found.explored], 1)
    assert set(impressions[hot:].tolist()) == {10}


def test_the_oldest_come_first_and_the_old_take_part_no_longer(state) -> None:
    since = state.since.copy()
    hot = state.model.world.catalogue.n_hot
    since[hot:] = DAY * np.arange(len(since) - hot)
    aged = replace(state, since=since)
    none = np.zeros(len(state), dtype=np.int64)
    now = 20 * DAY
    rows = admitted(aged, none, now, opened=0, plan=Plan(days=14, admitted=5))
    assert rows.tolist() == [hot + 7, hot + 8, hot + 9, hot + 10, hot + 11]
    hidden = state.hidden.copy()
    hidden[hot + 7] = True
    rows = admitted(replace(aged, hidden=hidden), none, now, opened=0, plan=Plan(days=14, admitted=2))
    assert rows.tolist() == [hot + 8, hot + 9]
    assert not len(admitted(state, none + 50, DAY, 0, Plan()))
