import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from muslin.nets import rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_get_unit_length_and_keep_their_type(dtype) -> None:
    found = rows.unit_rows(sp.csr_matrix(np.array([[3, 4], [0, 0], [0, -2]], dtype=dtype)))
    assert found.dtype == dtype
    np.testing.assert_allclose(found.toarray(), [[0.6, 0.8], [0, 0], [0, -1]], rtol=1e-6)


def test_means_count_every_event_alike() -> None:
    history = sp.csr_matrix(np.array([[2, 0, 5], [0, 0, 0], [0, 1, 0]], dtype=np.float32))
    np.testing.assert_allclose(rows.row_means(history).toarray(), [[0.5, 0, 0.5], [0, 0, 0], [0, 1, 0]])


@given(st.integers(0, 10_000), st.integers(1, 9), st.booleans())
def test_the_largest_of_each_row_are_kept(seed: int, count: int, by_size: bool) -> None:
    values = np.random.default_rng(seed).normal(size=(4, 7))
    size = np.abs(values) if by_size else values
    found = rows.largest(values, count, size=size if by_size else None).toarray()
    for row, own, wanted in zip(found, values, size, strict=True):
        kept = np.sort(np.argsort(-wanted)[:count])
        expected = np.zeros(7)
        expected[kept] = own[kept]
        np.testing.assert_allclose(row, expected, rtol=1e-6)


def test_columns_are_weighted_and_what_was_taken_is_one() -> None:
    matrix = sp.csr_matrix(np.array([[2, 0, 5], [0, 0, 0], [0, 3, 4]], dtype=np.float32))
    np.testing.assert_array_equal(
        rows.by_column(matrix, np.float32([3, 1, 0.5])).toarray(), [[6, 0, 2.5], [0, 0, 0], [0, 3, 2]]
    )
    np.testing.assert_array_equal(rows.taken(matrix, 3).toarray(), [[1, 0, 1], [0, 0, 0], [0, 1, 1]])
    np.testing.assert_array_equal(rows.taken(matrix, 2).toarray(), [[1, 0], [0, 0], [0, 1]])
    assert matrix.max() == 5


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 40))
def test_products_are_those_of_dense_matrices(seed: int, count: int, wanted: int) -> None:
    rng = np.random.default_rng(seed)
    content = sp.random(40, 6, 0.3, format="csr", dtype=np.float32, rng=rng)
    history = sp.random(count, 40, 0.2, format="csr", dtype=np.float32, rng=rng)
    right, some = rng.normal(size=(6, count)).astype(np.float32), rng.permutation(40)[:wanted]
    found = rows.times(content, right, some, some[:1])
    np.testing.assert_allclose(found[0], content.toarray()[some] @ right, atol=1e-5)
    np.testing.assert_allclose(found[1], found[0][:1], atol=1e-6)
    np.testing.assert_allclose(rows.product(history, content), history.toarray() @ content.toarray(), atol=1e-5)
    for width in (30, 40):
        np.testing.assert_array_equal(rows.taken(history, width).toarray(), np.sign(history.toarray()[:, :width]))
