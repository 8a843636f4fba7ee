"""EASE against its definition, written out with a dense inverse."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from muslin.errors import UsageError
from muslin.nets import ease, stored


def pairs(seed: int, users: int, items: int) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    return sp.csr_matrix((rng.random((users, items)) < 0.2).astype(np.float32))


def by_hand(bought: np.ndarray, penalty: float) -> np.ndarray:
    inverse = np.linalg.inv(bought.T @ bought + penalty * np.eye(bought.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 30), st.floats(0.5, 500))
def test_both_forms_are_the_definition(seed: int, users: int, items: int, penalty: float) -> None:
    """Fewer shoppers than items takes the dual form, more takes the primal one."""
    bought = pairs(seed, users, items)
    found = ease.weights(bought, penalty, items).toarray()
    np.testing.assert_allclose(found, by_hand(bought.toarray().astype(np.float64), penalty), atol=1e-6)


def test_each_column_is_the_best_prediction_of_its_item_from_the_others() -> None:
    bought = pairs(1, 60, 12).toarray().astype(np.float64)
    found = ease.weights(sp.csr_matrix(bought), 5.0, 12).toarray()
    for item in range(12):
        others = np.delete(np.arange(12), item)
        left = bought[:, others].T @ bought[:, others] + 5.0 * np.eye(11)
        expected = np.linalg.solve(left, bought[:, others].T @ bought[:, item])
        np.testing.assert_allclose(found[others, item], expected, atol=1e-6)


def test_the_budget_keeps_the_largest_weights() -> None:
    bought = pairs(2, 80, 40)
    whole, few = ease.weights(bought, 5.0, 40).toarray(), ease.weights(bought, 5.0, 5).toarray()
    assert np.count_nonzero(few) <= 5 * 40
    kept = few != 0
    np.testing.assert_array_equal(few[kept], whole[kept])
    assert (kept.sum(axis=0) <= 15).all()


@pytest.mark.parametrize("rows", [0, 4])
def test_a_stored_matrix_comes_back(rows) -> None:
    matrix = pairs(3, rows, 7) if rows else sp.csr_matrix((0, 7), dtype=np.float32)
    back = stored.matrix(stored.tensors("m", matrix), "m", 7)
    np.testing.assert_array_equal(back.toarray(), matrix.toarray())


def test_where_both_sides_are_too_many_the_items_that_most_took_are_related(monkeypatch) -> None:
    bought = pairs(4, 50, 30)
    most = np.sort(np.argsort(-bought.getnnz(axis=0), kind="stable")[:12])
    expected = np.zeros((30, 30))
    expected[np.ix_(most, most)] = ease.weights(bought[:, most], 5.0, 12).toarray()
    assert ease.weights(bought, 5.0, 12).toarray()[np.ix_(most, most)] != pytest.approx(expected[np.ix_(most, most)])
    monkeypatch.setattr(ease, "_MOST", 12)
    np.testing.assert_allclose(ease.weights(bought, 5.0, 12).toarray(), expected, atol=1e-7)


def test_what_single_precision_cannot_solve_is_solved_in_double(monkeypatch) -> None:
    """Five pairs of items that always go together, and next to no penalty."""
    pairs = sp.csr_matrix(np.repeat(np.random.default_rng(0).random((200, 5)) < 0.5, 2, axis=1), dtype=np.float32)
    exact = ease.weights(pairs, 1e-7, 10)
    monkeypatch.setattr(ease, "_SINGLE", 1)
    np.testing.assert_allclose(ease.weights(pairs, 1e-7, 10).toarray(), exact.toarray(), atol=1e-3)


def test_what_cannot_be_solved_at_all_is_said(monkeypatch) -> None:
    pairs = sp.csr_matrix(np.ones((4, 3), dtype=np.float32))
    with pytest.raises(UsageError, match="penalty") as caught:
        ease.weights(pairs, 1e-300, 10)
    assert caught.value.code == "singular"
