import numpy as np
import pytest
import scipy.sparse as sp

from muslin.peers.adapters.columns import content, dense, reduction, unit_sum, with_identity
from muslin.peers.adapters.contract import Ask, Side
from muslin.peers.adapters.folding import fold_in
from muslin.peers.adapters.main import silent

RNG = np.random.default_rng(0)


def sparse(rows: int, columns: int, density: float = 0.3) -> sp.csr_matrix:
    return sp.csr_matrix(sp.random(rows, columns, density, random_state=0), dtype=np.float32)


def test_content_keeps_the_columns_of_the_kinds_asked_for() -> None:
    side = Side(sparse(5, 6), (("a", "categorical", 0, 2), ("b", "text", 2, 5), ("c", "numeric", 5, 6)), {})
    assert (content(side, ("categorical", "numeric")) != side.matrix[:, [0, 1, 5]]).nnz == 0
    assert content(side, ()).shape == (5, 0)


def test_a_row_that_was_not_trained_on_has_no_column_of_its_own() -> None:
    features = sparse(4, 3, 0.9)
    beside = with_identity(np.array([1.0, 0.5, 0.0, 1.0]), features)
    assert beside.shape == (4, 7)
    assert beside[2, 2] == 0
    assert beside[0, 0] > 0
    assert np.asarray(abs(beside).sum(axis=1)).ravel() == pytest.approx(np.ones(4))
    assert np.isfinite(unit_sum(sp.csr_matrix((2, 3), dtype=np.float32)).toarray()).all()


def test_a_reduction_keeps_products_and_the_scale_of_fitted_rows() -> None:
    rows = sp.csr_matrix(RNG.standard_normal((40, 3)) @ RNG.standard_normal((3, 20)), dtype=np.float32)
    reduced = reduction(rows, 5, 0)(rows)
    assert reduced.shape == (40, 5)
    products, wanted = reduced @ reduced.T, (rows @ rows.T).toarray()
    assert products / products[0, 0] == pytest.approx(wanted / wanted[0, 0], abs=1e-3)
    assert (reduced**2).sum(axis=1).mean() == pytest.approx(1, abs=1e-4)


def test_dense_puts_embeddings_beside() -> None:
    vectors = RNG.standard_normal((6, 4)).astype(np.float32)
    side = Side(sparse(6, 30, 0.5), (), {"look": vectors})
    fitted = np.array([True] * 4 + [False] * 2)
    assert dense(side, fitted, 2, 0).shape == (6, 6)
    assert dense(side, fitted, 2, 0, embeddings=False).shape == (6, 2)
    assert dense(Side(sp.csr_matrix((6, 0), dtype=np.float32), (), {}), fitted, 2, 0).shape == (6, 0)


def test_folding_finds_a_linear_rule() -> None:
    """Where trained vectors are a linear function of history and profile, strangers get the same function."""
    items, history = RNG.standard_normal((30, 4)).astype(np.float32), sparse(500, 30, 0.2)
    profile, rule = RNG.standard_normal((500, 4)).astype(np.float32), RNG.standard_normal((4, 4))
    number = np.maximum(1, np.diff(history.indptr))[:, None]
    trained = ((history.sign() @ items) / np.sqrt(number) @ rule + 0.5 * profile).astype(np.float32)
    fold = fold_in(trained[:400], items, history[:400], profile[:400], penalty=1e-6)
    assert fold(history[400:], profile[400:]) == pytest.approx(trained[400:], abs=1e-3)


def test_a_silent_shopper_brings_nothing_that_is_read() -> None:
    history = sp.csr_matrix(np.array([[1, 0], [0, 0], [0, 0]], dtype=np.float32))
    features = sp.csr_matrix(np.array([[0], [1], [0]], dtype=np.float32))
    ask = Ask(np.zeros(3, dtype=np.int64), features, history, np.arange(2))
    assert silent(ask, {"history"}).tolist() == [False, True, True]
    assert silent(ask, {"history", "profile"}).tolist() == [False, False, True]
