"""The network in two parts: what is trained on stored maps is the network, to the bit."""

import pytest
import torch

from muslin.features.encoders import efficientnet_lite0
from muslin.features.encoders import lite0_network as network
from muslin.types import Params


@pytest.fixture(scope="module")
def params() -> Params:
    return efficientnet_lite0.load().params


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return network.scaled(torch.randint(256, (3, 64, 64, 3), generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("cut", [0, 1, 2, 9, 15, 16])
def test_the_two_parts_are_the_whole_to_the_bit_wherever_it_is_cut(params, pixels, cut) -> None:
    with torch.inference_mode():
        maps = network.trunk(params, pixels, upto=cut)
        kept = maps.clone()
        assert torch.equal(network.tail(params, maps, start=cut), network.embed(params, pixels))
    assert torch.equal(maps, kept), "the maps are read again in the next epoch"


def test_the_last_block_reads_maps_of_a_thirty_second_of_the_side(params, pixels) -> None:
    assert network.trunk(params, pixels).shape == (3, 192, 2, 2)


def test_gradients_of_the_top_are_finite_differences(params, pixels) -> None:
    doubles = {name: value.double() for name, value in params.items()}
    maps = network.trunk(doubles, pixels.double()).requires_grad_()
    weigh = torch.randn(3, network.WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for name in ("blocks.15.filter.weight", "blocks.15.project.bias", "head.weight"):
        value = doubles[name].clone().requires_grad_()

        def loss(value: torch.Tensor, maps: torch.Tensor, name: str = name) -> torch.Tensor:
            return (network.tail({**doubles, name: value}, maps) * weigh).sum()

        found = torch.autograd.grad(loss(value, maps), [value, maps])
        for at, grad in enumerate(found):
            place = int(grad.abs().argmax())
            step = torch.zeros_like(grad).flatten()
            step[place] = 1e-6
            step = step.view_as(grad)
            with torch.no_grad():
                up, down = (
                    loss(*(x + sign * step if i == at else x for i, x in enumerate((value, maps)))) for sign in (1, -1)
                )
            assert grad.flatten()[place].item() == pytest.approx((up - down).item() / 2e-6, rel=1e-4)
