"""Distances between functions, beside naive ones and finite differences in double precision."""

import numpy as np
import pytest
import torch
from torch import Tensor

from muslin.nets.distillation import of_features, of_predictions

TAKEN = torch.tensor([[False, False, True], [False, False, False], [False, True, True]])


class Bilinear:
    """Unit vectors of x w, and logits of three choices, of which some do not count."""

    def represent(self, params: dict[str, Tensor], batch: Tensor) -> Tensor:
        return torch.nn.functional.normalize(batch @ params["w"], dim=1)

    def logits(self, params: dict[str, Tensor], batch: Tensor) -> Tensor:
        seen = self.represent(params, batch)
        return (5 * seen @ params["v"]).masked_fill(TAKEN, -torch.inf)


def tensors(seed: int) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    shapes = {"w": (4, 2), "v": (2, 3)}
    return {name: torch.randn(shape, generator=rng, dtype=torch.float64) for name, shape in shapes.items()}


BATCH = torch.randn(3, 4, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
DISTANCES = [of_features, of_predictions]


def test_the_feature_distance_is_the_mean_square() -> None:
    params, source = tensors(0), tensors(1)
    a, b = (Bilinear().represent(p, BATCH).numpy() for p in (params, source))
    expected = np.mean([np.sum((x - y) ** 2) for x, y in zip(a, b, strict=True)])
    assert of_features(Bilinear(), params, source, BATCH).item() == pytest.approx(expected)


def test_the_distance_of_predictions_is_the_divergence_from_the_sources_choice() -> None:
    params, source = tensors(0), tensors(1)
    now, before = (torch.softmax(Bilinear().logits(p, BATCH), dim=1).numpy() for p in (params, source))
    rows = [sum(q * np.log(q / p) for p, q in zip(x, y, strict=True) if q) for x, y in zip(now, before, strict=True)]
    found = of_predictions(Bilinear(), params, source, BATCH).item()
    assert found == pytest.approx(np.mean(rows), rel=1e-9)
    assert found > 0


@pytest.mark.parametrize("distance", DISTANCES)
def test_gradients_are_those_of_finite_differences(distance) -> None:
    params, source = tensors(0), tensors(1)
    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    found = torch.autograd.grad(
        distance(Bilinear(), leaves, source, BATCH), list(leaves.values()), materialize_grads=True
    )
    step = 1e-6
    for name, slope in zip(leaves, found, strict=True):
        for place in np.ndindex(*params[name].shape):
            ends = []
            for side in (step, -step):
                moved = {**params, name: params[name].clone()}
                moved[name][place] += side
                ends.append(distance(Bilinear(), moved, source, BATCH).item())
            assert slope[place].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("distance", DISTANCES)
def test_at_the_source_there_is_no_distance_and_no_pull(distance) -> None:
    source = tensors(1)
    leaves = {name: value.clone().requires_grad_() for name, value in source.items()}
    value = distance(Bilinear(), leaves, source, BATCH)
    slopes = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
    assert value.item() == pytest.approx(0, abs=1e-15)
    assert all(slope.abs().max() < 1e-12 for slope in slopes)


@pytest.mark.parametrize("distance", DISTANCES)
def test_nothing_flows_into_the_source(distance) -> None:
    source = {name: value.requires_grad_() for name, value in tensors(1).items()}
    assert not distance(Bilinear(), tensors(0), source, BATCH).requires_grad


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_networks_distance_is_finite_and_falls_towards_the_source(whole, distance) -> None:
    source = whole.carried.start
    batch = next(iter(whole.method.batches(whole.data, 0, 0)))
    assert batch.pairs.taken.any(), "some negatives do not count"
    rng = torch.Generator().manual_seed(0)
    away = {n: v + 0.1 * torch.randn(v.shape, generator=rng) for n, v in source.items() if n in ("item", "bias")}
    values = []
    for beta in (1.0, 0.5, 0.1, 0.0):
        params = {**source, **{n: torch.lerp(source[n], v, beta) for n, v in away.items()}}
        values.append(distance(whole.method, params, source, batch).item())
    assert np.isfinite(values).all()
    assert values[0] > values[1] > values[2] > values[3]
    assert values[3] == pytest.approx(0, abs=1e-6)
