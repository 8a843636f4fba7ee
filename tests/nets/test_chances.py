"""Stated probabilities against worlds in which the chance is known."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin.nets import chances

LINE = torch.tensor([-2.0, np.log(1.5), -1.0], dtype=torch.float32)


def world(seed: int, users: int = 3000, items: int = 40) -> tuple[np.ndarray, sp.csr_matrix, np.ndarray]:
    """Logits, what is taken with the chance of `LINE`, and 1 / (1 + length) of histories."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((users, items)).astype(np.float32)
    short = (1 / (1 + rng.integers(0, 5, users))).astype(np.float32)
    chance = 1 / (1 + np.exp(-(LINE[0].item() + 1.5 * logits - short[:, None])))
    return logits, sp.csr_matrix((rng.random(logits.shape) < chance).astype(np.float32)), short


def test_the_line_that_made_the_world_is_found() -> None:
    logits, truth, short = world(0)
    found = chances.learned(chances.start()[0], logits, truth, np.ones(40, dtype=bool), short)
    assert np.abs(found.numpy() - LINE.numpy()).max() < 0.1


def test_what_is_said_is_what_comes_true_in_other_lists() -> None:
    logits, truth, short = world(1)
    line = chances.start()
    line[:] = chances.learned(line[0], logits, truth, np.ones(40, dtype=bool), short)
    logits, truth, short = world(2)
    said = chances.stated(line, logits, np.zeros(40, dtype=int), short).numpy()
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.0)):
        inside = (said >= low) & (said < high)
        assert truth.toarray()[inside].mean() == pytest.approx(said[inside].mean(), rel=0.08)


def test_what_is_closed_is_not_looked_at() -> None:
    logits, truth, short = world(3)
    shut = logits.copy()
    shut[:, :10] = -np.inf
    one = chances.learned(chances.start()[0], shut, truth, np.ones(40, dtype=bool), short)
    two = chances.learned(chances.start()[0], logits, truth, np.arange(40) >= 10, short)
    assert torch.equal(one, two)


def test_a_better_score_is_never_called_less_likely_even_where_it_was() -> None:
    logits, truth, short = world(4)
    line = chances.start()
    line[:] = chances.learned(line[0], -logits, truth, np.ones(40, dtype=bool), short)
    said = chances.stated(line, np.sort(logits, axis=1), np.zeros(40, dtype=int), short).numpy()
    assert (np.diff(said, axis=1) >= 0).all()


@pytest.mark.parametrize("columns", [0, 40])
def test_too_little_teaches_nothing(columns: int) -> None:
    logits, truth, short = world(5)
    none = sp.csr_matrix(truth.shape, dtype=np.float32)
    found = chances.learned(chances.start()[0], logits, none, np.arange(40) < columns, short)
    assert torch.equal(found, chances.start()[0])
