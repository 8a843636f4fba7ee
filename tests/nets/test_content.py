"""Linear layers on content against dense sums."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin.nets import content
from muslin.types import Block, Dense, Features


@pytest.fixture
def features() -> Features:
    rng = np.random.default_rng(0)
    values = np.where(rng.random((6, 9)) < 0.4, rng.random((6, 9)), 0).astype(np.float32)
    values[2] = 0
    matrix = sp.csr_matrix(values)
    return Features(matrix, (Block("all", 0, 9),), (Dense("picture", rng.normal(size=(6, 4)).astype(np.float32)),))


def test_a_layer_adds_sparse_and_embedding_columns_up(features) -> None:
    params = content.random_layer("x", features, 5, torch.Generator().manual_seed(0))
    expected = features.matrix.toarray() @ params["x/sparse"].numpy()
    expected += features.dense[0].vectors @ params["x/dense/picture"].numpy()
    np.testing.assert_allclose(content.layer(params, "x", features).numpy(), expected, rtol=1e-4, atol=1e-6)


def test_a_silent_layer_says_nothing(features) -> None:
    assert not content.layer(content.silent_layer("x", features, 5), "x", features).any()


def test_weighted_rows_have_unit_length_and_empty_ones_stay_empty(features) -> None:
    weight = torch.arange(1.0, 10.0)
    found = content.unit(features, weight).matrix.toarray()
    expected = features.matrix.toarray() * weight.numpy()
    length = np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, np.divide(expected, length, where=length > 0, out=expected), rtol=1e-5)
    assert not found[2].any()
    assert np.linalg.norm(found[0]) == pytest.approx(1)


def test_a_random_layer_keeps_cosines_about(features) -> None:
    rows = content.unit(Features(features.matrix, features.blocks))
    params = content.random_layer("x", rows, 4096, torch.Generator().manual_seed(0), scale=2.0)
    out = content.layer(params, "x", rows).numpy()
    np.testing.assert_allclose(out @ out.T, 4 * (rows.matrix @ rows.matrix.T).toarray(), atol=0.3)
