"""Echoes: counted as a loop would count them, kappa measured, doubts those of the posterior."""

import numpy as np
import pytest
import scipy.sparse as sp

from muslin.nets import echoes
from muslin.random import stream
from muslin.types import Block, Features

SMOOTHING = 3.0


def features(codes: np.ndarray, widths: tuple[int, ...]) -> Features:
    """One value in each column of a row; -1: none."""
    starts = np.concatenate([[0], np.cumsum(widths)])
    matrix = np.zeros((len(codes), starts[-1]), dtype=np.float32)
    for column, start in enumerate(starts[:-1]):
        known = codes[:, column] >= 0
        matrix[np.flatnonzero(known), start + codes[known, column]] = 2.0
    blocks = tuple(Block(f"c{c}", int(starts[c]), int(starts[c + 1])) for c in range(len(widths)))
    return Features(sp.csr_matrix(matrix), blocks)


@pytest.fixture
def shop():
    """40 shoppers, 12 garments there and 15 here, columns of 3 and 4 values, some of them missing."""
    rng = stream(0, "test", "echoes")
    widths = (3, 4)
    made = [features(np.stack([rng.integers(-1, w, n) for w in widths], axis=1), widths) for n in (12, 15)]
    taken = [sp.csr_matrix((rng.random((40, n)) < 0.2).astype(np.float32)) for n in (12, 15)]
    values = tuple(echoes.shares(f) for f in made)
    owner = np.repeat([0, 1], widths)
    return taken[0], taken[1], values, owner


def test_shares_sum_to_one_in_every_column_that_has_a_value() -> None:
    found = echoes.shares(Features(sp.csr_matrix([[1.0, 3, 0, 2], [0, 0, 5, 5]]), (Block("a", 0, 2), Block("b", 2, 4))))
    assert found.toarray() == pytest.approx(np.array([[0.25, 0.75, 0, 1], [0, 0, 0.5, 0.5]]))


def test_echoes_are_what_a_loop_counts(shop) -> None:
    there, here, values, owner = shop
    found = echoes.fit(there, here, values, owner, 2, SMOOTHING)
    naive = np.zeros((7, 7))
    common = np.asarray(here.sum(axis=0)).ravel() @ values[1].toarray()
    for v in range(7):
        for a in range(7):
            if owner[v] != owner[a]:
                continue
            met = total = 0.0
            for u in range(40):
                mine = np.flatnonzero(there[u].toarray())
                share = np.mean([values[0][i, v] for i in mine]) if len(mine) else 0.0
                met += share * sum(values[1][j, a] for j in here[u].indices)
                total += share * sum(
                    values[1][j, b] for j in here[u].indices for b in np.flatnonzero(owner == owner[a])
                )
            chance = (common[a] + 1e-3) / common[owner == owner[a]].sum()
            naive[v, a] = np.log((met / chance + SMOOTHING) / (total + SMOOTHING))
    told = found.pair.toarray() + found.alone[:, None] * (owner[:, None] == owner[None])
    assert told == pytest.approx(naive, abs=1e-4)


def test_scores_are_expected_lifts_pulled_to_nothing_by_kappa(shop) -> None:
    there, here, values, owner = shop
    found = echoes.fit(there, here, values, owner, 2, SMOOTHING)
    tastes = sp.csr_matrix(sp.diags_array(1 / np.maximum(np.diff(there.indptr), 1)) @ there @ values[0])
    count = np.diff(there.indptr).astype(np.float32)
    mine = np.flatnonzero(owner == 1)
    told = found.pair.toarray()[np.ix_(mine, mine)] + found.alone[mine][:, None]
    naive = (count / (count + 2.0))[:, None] * (tastes.toarray()[:, mine] @ told @ values[1].toarray()[:, mine].T)
    assert echoes.scores(found, tastes, count, values[1], mine, 2.0) == pytest.approx(naive, abs=1e-5)


@pytest.mark.parametrize("kappa", [0.5, 2.0, 8.0])
def test_kappa_is_measured(kappa) -> None:
    """Shoppers whose shares are drawn from a Dirichlet distribution of known weight."""
    rng = stream(0, "test", "kappa")
    usual = np.array([0.5, 0.3, 0.2])
    values = sp.csr_matrix(np.eye(3).repeat(60, axis=0))
    rows = []
    for share in rng.dirichlet(kappa * usual, size=3000):
        row = np.zeros(180)
        code = rng.choice(3, size=rng.integers(1, 6), p=share)
        row[60 * code + rng.integers(60, size=len(code))] = 1
        rows.append(row)
    found = echoes.kappas(sp.csr_matrix(np.array(rows)), values, np.zeros(3, dtype=np.int64), 1)
    assert found[0] == pytest.approx(kappa, rel=0.15)


def test_shoppers_of_all_tastes_alike_leave_nothing_to_know() -> None:
    rng = stream(0, "test", "alike")
    there = sp.csr_matrix((rng.random((2000, 90)) < 0.05).astype(np.float32))
    values = sp.csr_matrix(np.eye(3).repeat(30, axis=0))
    assert echoes.kappas(there, values, np.zeros(3, dtype=np.int64), 1)[0] > 20


def test_the_variance_is_that_of_the_posterior(shop) -> None:
    there, here, values, owner = shop
    found = echoes.fit(there, here, values, owner, 2, SMOOTHING)
    mine, kappa, rng = np.flatnonzero(owner == 0), 1.5, stream(0, "test", "posterior")
    taste, count = np.array([[0.75, 0.25, 0.0]]), np.array([4.0], dtype=np.float32)
    tastes = sp.csr_matrix(np.concatenate([taste, np.zeros((1, 4))], axis=1))
    usual = found.usual[mine] / found.usual[mine].sum()
    drawn = rng.dirichlet(kappa * usual + 4 * taste[0] + 1e-9, size=60_000)
    lift = (found.pair.toarray()[np.ix_(mine, mine)] + found.alone[mine][:, None]) @ values[1].toarray()[:, mine].T
    sampled = (drawn @ lift).var(axis=0)
    assert echoes.variances(found, tastes, count, values[1], mine, kappa)[0] == pytest.approx(
        sampled, rel=0.05, abs=1e-5
    )


def test_doubt_falls_with_what_was_taken(shop) -> None:
    there, here, values, owner = shop
    found = echoes.fit(there, here, values, owner, 2, SMOOTHING)
    mine = np.flatnonzero(owner == 1)
    tastes = sp.csr_matrix(np.tile([0, 0, 0, 0.5, 0.5, 0, 0], (3, 1)))
    spread = echoes.variances(found, tastes, np.array([1, 5, 50], np.float32), values[1], mine, 1.0).sum(axis=1)
    assert spread[0] > spread[1] > spread[2] > 0


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_a_column_without_values_has_a_place_and_says_nothing(shop, empty) -> None:
    there, here, values, owner = shop
    moved = owner + (owner >= empty)
    found = echoes.fit(there, here, values, moved, 3, SMOOTHING)
    without = echoes.fit(there, here, values, owner, 2, SMOOTHING)
    assert len(found.kappa) == 3
    assert np.delete(found.kappa, empty) == pytest.approx(without.kappa)
    assert found.pair.toarray() == pytest.approx(without.pair.toarray())
    tastes, mine = sp.csr_matrix(there @ values[0]), np.flatnonzero(moved == empty)
    for of in (echoes.scores, echoes.variances):
        assert not of(found, tastes, np.ones(40, np.float32), values[1], mine, 1.0).any()
