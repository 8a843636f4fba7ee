import math

import pytest
import torch

from muslin.nets.transfer import moving, penalty, pull


def tensors(seed: int) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {"a": torch.randn(3, 2, generator=rng, dtype=torch.float64), "b": torch.randn(4, generator=rng).double()}


@pytest.mark.parametrize("strength", [0.0, 0.3, 7.0])
def test_the_pull_is_the_finite_difference_of_the_penalty(strength) -> None:
    params, start = tensors(0), tensors(1)
    found = pull(params, start, strength)
    for name, value in params.items():
        for place in range(value.numel()):
            step = torch.zeros_like(value)
            step.view(-1)[place] = 1e-6
            up, down = (penalty({**params, name: value + sign * step}, start, strength) for sign in (1, -1))
            assert found[name].reshape(-1)[place].item() == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_the_penalty_is_half_the_squared_distance_of_what_came_from_the_source() -> None:
    params = {"a": torch.tensor([3.0, 4.0]), "new": torch.tensor([100.0])}
    assert penalty(params, {"a": torch.zeros(2)}, 2.0) == 25.0
    assert set(pull(params, {"a": torch.zeros(2)}, 2.0)) == {"a"}


def test_infinitely_strong_means_nothing_moves_and_nothing_is_nan() -> None:
    params, start = tensors(0), tensors(1)
    assert moving(["a", "b"], math.inf) == ()
    assert moving(["a", "b"], 1e9) == ("a", "b")
    assert all(not value.any() for value in pull(params, start, math.inf).values())
    assert penalty(params, params, math.inf) == 0.0
    assert penalty(params, start, math.inf) == math.inf
