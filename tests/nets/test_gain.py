"""The gain of a ranking against ranks counted one by one."""

import numpy as np
import pytest
import scipy.sparse as sp

from muslin.nets.gain import gained


def test_it_is_the_mean_discount_of_the_ranks() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, size=(700, 9)).astype(np.float32)  # with ties, over several blocks
    taken = (rng.random((700, 9)) < 0.2) * 1.0
    gains = [
        1 / np.log2(1 + sum(other >= scores[user, item] for other in scores[user])) for user, item in np.argwhere(taken)
    ]
    assert gained(scores, sp.csr_matrix(taken), most=10**6) == pytest.approx(np.mean(gains))
    assert gained(scores, sp.csr_matrix(taken), most=50) == pytest.approx(np.mean(gains[:50]))


def test_scores_that_are_all_alike_gain_as_little_as_the_last_place() -> None:
    taken = sp.csr_matrix(np.eye(4))
    assert gained(np.zeros((4, 4), np.float32), taken) == pytest.approx(1 / np.log2(5))
    assert gained(np.eye(4, dtype=np.float32), taken) == 1.0
    assert gained(np.zeros((4, 4), np.float32), sp.csr_matrix((4, 4))) == 0.0
