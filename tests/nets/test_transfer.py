import math

import pytest
import torch

from muslin.nets.transfer import held, interpolated


def tensors(seed: int) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {"a": torch.randn(3, 2, generator=rng, dtype=torch.float64), "b": torch.randn(4, generator=rng).double()}


@pytest.mark.parametrize("strength", [0.3, 7.0, 1e12])
@pytest.mark.parametrize("fisher", [False, True])
def test_the_pull_ends_where_distance_and_penalty_balance(strength, fisher) -> None:
    params, start = tensors(0), tensors(1)
    weight = {name: value.square() for name, value in tensors(2).items()} if fisher else None
    found = held(params, start, strength, weight)
    for name, value in found.items():
        w = value.clone().requires_grad_()
        f = weight[name] if weight else 1.0
        cost = ((w - params[name]) ** 2).sum() / 2 + strength * (f * (w - start[name]) ** 2).sum() / 2
        (slope,) = torch.autograd.grad(cost, w)
        assert slope.abs().max() < 1e-9 * max(1.0, strength)


def test_infinitely_strong_holds_and_zero_leaves_alone() -> None:
    params, start = tensors(0), tensors(1)
    found = held(params, start, math.inf)
    assert all(torch.equal(found[name], start[name]) for name in start)
    assert held(params, start, 0.0) == {}


def test_what_has_no_information_is_free_even_when_infinitely_strong() -> None:
    params, start = {"a": torch.tensor([3.0, 4.0])}, {"a": torch.zeros(2)}
    found = held(params, start, math.inf, {"a": torch.tensor([0.0, 0.1])})
    assert found["a"].tolist() == [3.0, 0.0]


def test_only_what_came_from_the_source_is_pulled() -> None:
    params = {"a": torch.tensor([3.0, 4.0]), "new": torch.tensor([100.0])}
    assert set(held(params, {"a": torch.zeros(2)}, 2.0)) == {"a"}


def test_interpolation_goes_from_source_to_target_and_keeps_what_is_new() -> None:
    fine, source = tensors(0) | {"new": torch.ones(2), "count": torch.tensor([3])}, tensors(1)
    for beta, end in ((0.0, source), (1.0, fine)):
        found = interpolated(fine, source, beta)
        assert all(torch.allclose(found[name], end[name]) for name in source)
        assert torch.equal(found["new"], fine["new"])
        assert torch.equal(found["count"], fine["count"])
    middle = interpolated(fine, source, 0.25)
    assert torch.allclose(middle["a"], 0.25 * fine["a"] + 0.75 * source["a"])
