"""Log mean exp of cosines over a history, against the formula written out."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin.nets.pooling import pooled, pooled_pairs
from muslin.nets.rows import row_means


@pytest.fixture
def shelf():
    rng = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(12, 4, generator=rng), dim=1)
    history = np.zeros((3, 12), dtype=np.float32)
    history[0, [1, 4, 5]] = history[2, [0]] = 1  # the second shopper took nothing
    return vectors, row_means(sp.csr_matrix(history))


def test_it_is_log_mean_exp_of_the_cosines(shelf) -> None:
    vectors, shares = shelf
    found = pooled(torch.tensor(3.0), shares, vectors, vectors[6:])
    cosines = vectors[[1, 4, 5]] @ vectors[6:].T
    torch.testing.assert_close(found[0], torch.log(torch.exp(3 * cosines).mean(0)) / 3)
    torch.testing.assert_close(found[2], vectors[0] @ vectors[6:].T)
    assert not found[1].any()


@pytest.mark.parametrize(("sharpness", "like"), [(1e-2, "mean"), (80.0, "max")])
def test_it_lies_between_the_mean_and_the_nearest(shelf, sharpness, like) -> None:
    vectors, shares = shelf
    found = pooled(torch.tensor(sharpness), shares, vectors, vectors[6:])[0]
    cosines = vectors[[1, 4, 5]] @ vectors[6:].T
    expected = cosines.mean(0) if like == "mean" else cosines.amax(0)
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)


def test_pairs_are_the_diagonal(shelf) -> None:
    vectors, shares = shelf
    own = pooled_pairs(torch.tensor(5.0), shares, vectors, vectors[[7, 8, 9]])
    torch.testing.assert_close(own, pooled(torch.tensor(5.0), shares, vectors, vectors[[7, 8, 9]]).diagonal())


def test_gradients_are_those_of_the_formula(shelf) -> None:
    vectors, shares = (shelf[0].double(), shelf[1].astype(np.float64))
    sharpness = torch.tensor(2.0, dtype=torch.float64)

    def total(v: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return pooled(s, shares, v, v[6:]).square().sum() + pooled_pairs(s, shares, v, v[[7, 8, 9]]).sum()

    leaves = (vectors.requires_grad_(), sharpness.requires_grad_())
    assert torch.autograd.gradcheck(total, leaves, atol=1e-6)
