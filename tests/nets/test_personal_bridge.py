"""Personal bridges against one shopper at a time, and their gradients against finite differences."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin.nets import personal_bridge

K, HIDDEN, ITEMS = 4, 6, 11


@pytest.fixture
def params() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    shared = {"weight": torch.randn(K, K, generator=rng), "bias": torch.randn(K, generator=rng)}
    found = personal_bridge.start(shared, items(), HIDDEN, 0)
    return found | {"decode": torch.randn(HIDDEN, K * K, generator=rng), "meta_bias": torch.ones(HIDDEN) * 0.1}


def items() -> torch.Tensor:
    return torch.randn(ITEMS, K, generator=torch.Generator().manual_seed(1)) * 0.3


def taken() -> sp.csr_matrix:
    found = (np.random.default_rng(0).random((7, ITEMS)) < 0.4) * 1.0
    found[2] = 0
    return sp.csr_matrix(found)


def test_batches_are_as_one_shopper_after_the_other(params) -> None:
    source = torch.randn(7, K, generator=torch.Generator().manual_seed(2))
    found = personal_bridge.crossed(params, items(), taken(), source).numpy()
    p = {name: value.double().numpy() for name, value in params.items()}
    unit = items().double().numpy() / p["size"][0]
    for row, own in enumerate(taken().toarray()):
        mine = unit[own > 0]
        logit = np.maximum(mine @ p["attend"] + p["attend_bias"], 0) @ p["attend_out"]
        nature = np.exp(logit) @ mine / np.exp(logit).sum() if len(mine) else np.zeros(K)
        inner = np.maximum(nature @ p["meta"] + p["meta_bias"], 0) / np.sqrt(HIDDEN)
        weight = p["weight"] + p["size"][1] * (inner @ p["decode"]).reshape(K, K)
        np.testing.assert_allclose(found[row], source[row].numpy() @ weight + p["bias"], rtol=1e-4, atol=1e-5)


def test_attention_does_not_overflow(params) -> None:
    steep = params | {"attend_out": params["attend_out"] * 1e5}
    found = personal_bridge.characteristic(steep, items(), taken())
    assert torch.isfinite(found).all()
    unit = items() / params["size"][0]
    closest = (found[0] - unit[torch.from_numpy(np.flatnonzero(taken().toarray()[0]))]).abs().sum(dim=1).min()
    assert closest < 1e-4  # all attention on one


def test_it_starts_as_the_shared_map(params) -> None:
    start = personal_bridge.start({n: params[n] for n in ("weight", "bias")}, items(), HIDDEN, 0)
    source = torch.ones(7, K)
    found = personal_bridge.crossed(start, items(), taken(), source)
    torch.testing.assert_close(found, source @ params["weight"] + params["bias"])


@pytest.mark.parametrize("name", personal_bridge.TRAINED)
def test_gradients_are_finite_differences(params, name) -> None:
    source = torch.linspace(-1, 1, 7 * K).view(7, K)
    leaf = params[name].clone().requires_grad_()

    def loss(value: torch.Tensor) -> torch.Tensor:
        return personal_bridge.crossed(params | {name: value}, items(), taken(), source).square().mean()

    (found,) = torch.autograd.grad(loss(leaf), leaf)
    assert torch.isfinite(found).all()
    direction = found / found.norm()
    step = 1e-2
    slope = (loss(params[name] + step * direction) - loss(params[name] - step * direction)) / (2 * step)
    assert slope.item() == pytest.approx(found.norm().item(), rel=0.05)
