"""Batched closed forms against one solve a row."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st

from muslin.nets import factors, ridge


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 40))
def test_rows_are_solved_as_the_equation_says(seed: int, k: int, items: int) -> None:
    """Both for rows that took less than half as many things as a vector is long, and for those that took more."""
    rng = np.random.default_rng(seed)
    table, prior = rng.normal(size=(items, k)), rng.normal(size=(9, k))
    taken = (rng.random((9, items)) < rng.random()) * 1.0
    confidence = factors.Confidence(alpha=7.0, penalty=2.0)
    wide = torch.from_numpy(table)
    found = factors.solved(wide, factors.gram(wide), sp.csr_matrix(taken), torch.from_numpy(prior), confidence).numpy()
    for row, own in enumerate(taken):
        if not own.any():
            np.testing.assert_array_equal(found[row], prior[row])
            continue
        left = table.T @ np.diag(1 + 7.0 * own) @ table + 2.0 * np.eye(k)
        right = 8.0 * own @ table + 2.0 * prior[row]
        np.testing.assert_allclose(found[row], np.linalg.solve(left, right), rtol=1e-6, atol=1e-8)


def test_conjugate_gradients_end_at_the_ridge_solution() -> None:
    rng = np.random.default_rng(0)
    content = sp.csr_matrix(rng.random((40, 12)) * (rng.random((40, 12)) < 0.4))
    target, weight = rng.normal(size=(40, 3)), rng.random(40)
    found = ridge.solved(content, target, weight, 0.7, np.zeros((12, 3)), 200)
    dense = content.toarray()
    left = dense.T @ np.diag(weight) @ dense + 0.7 * np.eye(12)
    np.testing.assert_allclose(found, np.linalg.solve(left, dense.T @ (weight[:, None] * target)), atol=1e-6)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_every_step_lowers_the_loss(steps) -> None:
    rng = np.random.default_rng(1)
    content, target = sp.csr_matrix(rng.random((30, 8))), rng.normal(size=(30, 2))
    start = rng.normal(size=(8, 2))

    def loss(found: np.ndarray) -> float:
        return float(((target - content @ found) ** 2).sum() + 0.5 * (found**2).sum())

    fewer, more = (ridge.solved(content, target, np.ones(30), 0.5, start, n) for n in (steps, steps + 1))
    assert loss(more) < loss(fewer)
