"""Weights of opinions: the loss is the likelihood it says it is, and planted weights are found again."""

import numpy as np
import pytest

from muslin.nets.choices import Choices, joined, learned, loss
from muslin.random import stream

PLANTED = np.array([1.5, 0.0, 0.7])


def drawn(count: int, size: int = 20, seed: int = 0) -> Choices:
    """Choices of shoppers whose utility is the planted sum, among `size` others each, all of them drawn for sure."""
    rng = stream(seed, "test", "choices")
    said = rng.normal(size=(count, size + 1, len(PLANTED)))
    taken = np.argmax(said @ PLANTED + rng.gumbel(size=said.shape[:2]), axis=1)
    rest = np.array([[c for c in range(size + 1) if c != t] for t in taken])
    lead = np.take_along_axis(said, rest[:, :, None], 1) - said[np.arange(count), taken][:, None]
    return Choices(lead.astype(np.float32), np.zeros((count, size), dtype=np.float32))


def test_the_loss_is_minus_the_log_of_the_conditional_logit() -> None:
    asked = drawn(5)
    weight = np.array([0.3, 0.2, -0.1])
    utility = np.exp(asked.lead.astype(float) @ weight)
    naive = np.mean([np.log(1 + row.sum()) for row in utility]) + 0.5 * (0.3**2 + 0.2**2 + 0.1**2)
    assert loss(weight, asked, np.zeros(3), 0.5)[0] == pytest.approx(naive, rel=1e-5)


def test_the_gradient_is_that_of_the_loss() -> None:
    asked = Choices(drawn(30).lead.astype(np.float64), drawn(30).offset.astype(np.float64))
    weight, prior = np.array([0.3, 0.2, -0.1]), np.array([1.0, 0.0, 0.0])
    _, gradient = loss(weight, asked, prior, 0.1)
    for place in range(3):
        step = np.eye(3)[place] * 1e-5
        slope = (loss(weight + step, asked, prior, 0.1)[0] - loss(weight - step, asked, prior, 0.1)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, abs=1e-6)


def test_planted_weights_are_found_and_what_says_nothing_stays_at_the_floor() -> None:
    found = learned(joined([drawn(1500), drawn(1500, seed=1)]), np.zeros(3), 0.0, 0.01)
    assert found == pytest.approx(np.maximum(PLANTED, 0.01), abs=0.12)


def test_alternatives_that_do_not_count_change_nothing() -> None:
    asked = drawn(200)
    strange = Choices(
        np.concatenate([asked.lead, 50 * np.ones((200, 1, 3), np.float32)], axis=1),
        np.concatenate([asked.offset, np.full((200, 1), -np.inf, np.float32)], axis=1),
    )
    assert learned(strange, np.zeros(3), 0.01, 0.0) == pytest.approx(learned(asked, np.zeros(3), 0.01, 0.0), abs=1e-3)


def test_drawn_alternatives_stand_for_all_by_their_chance() -> None:
    """Half of the alternatives with that chance as offset cost about as much as all; without it they cost less."""
    whole = drawn(2000, size=200)
    some, weight = whole.lead[:, :100], PLANTED.copy()
    cost = loss(weight, whole, np.zeros(3), 0.0)[0]
    told = loss(weight, Choices(some, np.full((2000, 100), -np.log(0.5), np.float32)), np.zeros(3), 0.0)[0]
    untold = loss(weight, Choices(some, np.zeros((2000, 100), np.float32)), np.zeros(3), 0.0)[0]
    assert told == pytest.approx(cost, abs=0.05)
    assert untold < cost - 0.4


def test_a_strong_prior_holds() -> None:
    prior = np.array([0.4, 0.5, 0.6])
    assert learned(drawn(100), prior, 1e4, 0.0) == pytest.approx(prior, abs=1e-3)
