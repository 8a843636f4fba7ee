"""Gradients by name, and batches that fit the shop."""

import pytest
import torch

from muslin.features.space import encode
from muslin.nets.descent import STEPS, batch_size, gradients
from muslin.testing.worlds import tiny_shop


def test_gradients_leave_fixed_parameters_out_and_name_the_loss() -> None:
    params = {"w": torch.tensor([3.0, 1.0]), "unused": torch.ones(2), "held": torch.tensor([2.0, 2.0])}
    found, metrics = gradients(lambda p, b: (p["w"] * p["held"] * b).sum(), params, 10.0, frozenset({"held"}))
    assert set(found) == {"w", "unused"}
    assert found["w"].tolist() == [20.0, 20.0]
    assert found["unused"].tolist() == [0.0, 0.0]
    assert metrics == {"loss": pytest.approx(80.0)}
    assert not params["w"].requires_grad


def test_small_shops_get_smaller_batches() -> None:
    data = encode(tiny_shop()).data
    assert batch_size(data, 2048) == len(data.events) // STEPS
    assert batch_size(data, 20) == 20
