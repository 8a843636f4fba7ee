"""Maps between vectors: against the normal equations, and on planted maps."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin.nets import bridges


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def error(found, source, target) -> float:
    return float((bridges.mapped(found, source) - target).square().mean() / target.var())


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
def test_the_linear_map_solves_the_normal_equations(penalty) -> None:
    source, target = normal(0, 50, 4) + 1, normal(1, 50, 3) - 2
    found = bridges.linear(source, target, penalty)
    x, y = source.double().numpy(), target.double().numpy()
    centred = x - x.mean(axis=0)
    ridge = penalty * (centred**2).sum() / 4
    weight = np.linalg.inv(centred.T @ centred + ridge * np.eye(4)) @ centred.T @ (y - y.mean(axis=0))
    np.testing.assert_allclose(found["weight"], weight, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bridges.mapped(found, source), y.mean(axis=0) + centred @ weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_a_planted_linear_map_is_found(kind) -> None:
    source, weight = normal(0, 400, 5) * 0.01, normal(1, 5, 5)
    found = bridges.learned(kind, source[:300], source[:300] @ weight + 3, 1e-3, 0)
    assert error(found, source[300:], source[300:] @ weight + 3) < 0.05


def test_the_perceptron_finds_what_no_linear_map_can() -> None:
    source = normal(0, 800, 3)
    target = (source[:, :1] * source[:, 1:2]).repeat(1, 3)
    linear, mlp = (bridges.learned(kind, source[:600], target[:600], 0.03, 0) for kind in ("linear", "mlp"))
    assert error(linear, source[600:], target[600:]) > 0.9
    assert error(mlp, source[600:], target[600:]) < 0.5


def test_settings_are_those_that_rank_best_for_shoppers_left_out() -> None:
    table = torch.cat([normal(0, 40, 4), torch.linspace(0, 1, 40)[:, None]], dim=1)

    def share(by_taste: float, by_popularity: float) -> tuple[float, float]:
        target = normal(1, 500, 4) * by_taste
        scores = target @ table[:, :-1].T + by_popularity * table[:, -1]
        best = scores + normal(2, 500, 40) * 0.1
        taken = sp.csr_matrix((best >= best.topk(3, dim=1).values[:, -1:]).numpy() * 1.0)
        both = bridges.Both(target @ normal(3, 4, 4), target, taken, table, usual=1.0)
        found = bridges.chosen(("linear",), both, 0)
        return float(found["share"][0]), error(found, both.source, target)

    assert share(1.0, 0.0)[0] == 0.0
    assert share(1.0, 0.0)[1] < 0.2
    assert share(0.01, 3.0)[0] > 0


@pytest.mark.parametrize("straight", [True, False], ids=["a line", "a product"])
def test_the_kind_of_map_is_the_one_that_ranks_best(straight) -> None:
    source, table = normal(0, 600, 3), torch.cat([normal(1, 40, 3), torch.zeros(40, 1)], dim=1)
    target = source if straight else (source[:, :1] * source[:, 1:2]).repeat(1, 3)
    scores = target @ table[:, :-1].T
    taken = sp.csr_matrix((scores >= scores.topk(3, dim=1).values[:, -1:]).numpy() * 1.0)
    both = bridges.Both(source, target, taken, table, usual=0.0)
    found = bridges.chosen(("linear", "mlp"), both, 0)
    assert ("hidden" in found) is not straight
    linear = bridges.chosen(("linear",), both, 0)
    assert error(found, source, target) <= error(linear, source, target) + 1e-6
