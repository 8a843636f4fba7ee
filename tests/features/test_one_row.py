"""What is made without checks is what SciPy makes with them."""

import numpy as np
import pytest
import scipy.sparse as sp

from muslin.features.one_row import one_row, sum_of_rows
from muslin.random import stream


def sparse(seed: int, rows: int = 12, width: int = 9) -> sp.csr_matrix:
    rng = stream(seed, "one row")
    values = np.where(rng.random((rows, width)) < 0.3, rng.normal(size=(rows, width)), 0).astype(np.float32)
    return sp.csr_matrix(values)


@pytest.mark.parametrize("seed", range(8))
def test_a_row_is_that_of_the_matrix(seed: int) -> None:
    matrix = sparse(seed)
    for row in range(matrix.shape[0]):
        found = one_row(matrix, row)
        found.check_format(full_check=True)
        assert found.shape == (1, matrix.shape[1])
        assert found.dtype == np.float32
        assert (found.toarray() == matrix[[row]].toarray()).all()
        assert ((found @ matrix.T).toarray() == (matrix[[row]] @ matrix.T).toarray()).all()
        assert (found.maximum(matrix[[0]]).toarray() == matrix[[row]].maximum(matrix[[0]]).toarray()).all()


def test_nobody_has_an_empty_row() -> None:
    found = one_row(sparse(0), -1)
    found.check_format(full_check=True)
    assert found.nnz == 0
    assert found.shape == (1, 9)
    assert one_row(sp.csr_matrix((0, 4), dtype=np.float32), -1).shape == (1, 4)


def test_zeros_that_are_written_down_are_left_out() -> None:
    matrix = sp.csr_matrix((np.array([0, 2, 0], np.float32), np.array([0, 1, 3]), np.array([0, 3])), shape=(1, 4))
    found = one_row(matrix, 0)
    assert found.indices.tolist() == [1]
    assert found.nnz == 1


def test_a_row_is_nobodys_but_the_callers() -> None:
    matrix = sparse(3)
    before = matrix.toarray()
    for row in range(matrix.shape[0]):
        found = one_row(matrix, row)
        found.data[:] = 7
        found.indices[:] = 0
        assert one_row(matrix, -1).nnz == 0
    assert (matrix.toarray() == before).all()


@pytest.mark.parametrize("count", [0, 1, 6])
@pytest.mark.parametrize("seed", range(4))
def test_the_sum_of_rows_is_a_product(seed: int, count: int) -> None:
    matrix, rng = sparse(seed), stream(seed, "weights")
    rows, weight = rng.permutation(12)[:count], rng.normal(size=count).astype(np.float32)
    left = sp.csr_matrix((weight, rows, np.array([0, count])), shape=(1, 12))
    assert (sum_of_rows(matrix, rows, weight) == (left @ matrix).toarray()[0]).all()
