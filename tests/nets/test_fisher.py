import pytest
import torch

from muslin.nets.fisher import information


class Steps:
    """Gradients are the batches themselves."""

    def step(self, params, batch):
        return batch, {}


def test_the_information_of_a_network_is_that_of_a_naive_loop(whole) -> None:
    method, params = whole.method, whole.carried.start
    batches = list(method.batches(whole.data, 0, 0))
    found = information(method, params, iter(batches))
    grads = [{n: g.double() for n, g in method.step(params, b)[0].items()} for b in batches]
    naive = {name: torch.stack([g[name] ** 2 for g in grads]).mean(0) for name in grads[0]}
    mean = torch.cat([value.ravel() for value in naive.values()]).mean()
    assert found.keys() == naive.keys() == {"item", "bias", "profile", "log_scale", "dense/look"}
    for name, value in naive.items():
        assert torch.allclose(found[name].double(), value / mean, rtol=1e-4, atol=1e-7)
    assert torch.cat([value.ravel() for value in found.values()]).mean().item() == pytest.approx(1, abs=1e-4)


def test_a_scale_of_the_loss_does_not_matter() -> None:
    batches = [{"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[0.0], [3.0]])}, {"a": torch.tensor([3.0, 0.0])}]
    ten = [{name: 10 * g for name, g in batch.items()} for batch in batches]
    found = information(Steps(), {}, batches)
    # squares: a = [10, 4], b = [0, 9]; their mean is 23 / 4
    assert torch.allclose(found["a"], torch.tensor([10.0, 4.0]) * 4 / 23)
    assert torch.allclose(found["b"], torch.tensor([[0.0], [9.0]]) * 4 / 23)
    again = information(Steps(), {}, ten)
    assert all(torch.allclose(found[name], again[name]) for name in found)


def test_without_any_slope_all_weights_count_alike() -> None:
    found = information(Steps(), {}, [{"a": torch.zeros(3)}])
    assert found["a"].tolist() == [1, 1, 1]
    assert information(Steps(), {}, []) == {}
