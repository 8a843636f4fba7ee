"""The map from content against a plain ridge regression, with embeddings beside sparse columns."""

import numpy as np
import scipy.sparse as sp

from muslin.nets import blend, content_map


def garments(seed: int, rows: int) -> blend.Columns:
    """Two blocks of three columns and one embedding of four."""
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(rows, 4)).astype(np.float32)
    return blend.Columns(
        sp.csr_matrix(rng.random((rows, 6)).astype(np.float32)), np.repeat([0, 1], 3), 2, (blend.unit(dense),)
    )


WEIGHTS = blend.Weights(np.array([1.0, 0.5, 2.0], dtype=np.float32), np.zeros(3, dtype=np.float32))


def test_inner_products_are_the_blended_cosines() -> None:
    items = garments(0, 9)
    content, dense = content_map.weighted(items, WEIGHTS)
    found = (content @ content.T).toarray() + dense @ dense.T
    np.testing.assert_allclose(3.5 * found, blend.blended(items, items, WEIGHTS), rtol=1e-4, atol=1e-5)


def test_with_all_directions_it_is_ridge_regression_on_every_column() -> None:
    trained, new = (content_map.weighted(garments(seed, rows), WEIGHTS) for seed, rows in ((1, 40), (2, 5)))
    basis = content_map.directions(trained[0], 100, 0)
    target = np.random.default_rng(3).normal(size=(40, 2))
    found = content_map.seen(*new, basis) @ content_map.inverse(content_map.seen(*trained, basis), 0.7) @ target
    left, right = (np.concatenate([c.toarray(), d], axis=1).astype(np.float64) for c, d in (trained, new))
    ridge = np.linalg.solve(left.T @ left + 0.7 * np.eye(left.shape[1]), left.T @ target)
    np.testing.assert_allclose(found, right @ ridge, rtol=1e-3, atol=1e-4)


def test_content_without_a_value_has_no_direction() -> None:
    for empty in (sp.csr_matrix((5, 0), dtype=np.float32), sp.csr_matrix((5, 3), dtype=np.float32)):
        basis = content_map.directions(empty, 4, 0)
        assert basis.shape == (empty.shape[1], 0)
        dense = np.zeros((5, 0), dtype=np.float32)
        assert content_map.inverse(content_map.seen(empty, dense, basis), 1.0).shape == (0, 5)
