"""The closed form's gradient by hand, against autograd through `posterior`, and against finite differences."""

import pytest
import torch

from muslin.adapt import network, point_losses, posterior
from muslin.adapt.judges import Pointwise
from muslin.adapt.posterior_gradient import Found, value_and_gradients
from muslin.adapt.tasks import Rows, Tasks


@pytest.fixture(scope="module")
def whole(params):
    trunk = {name: params[name] for name in ("w1", "b1", "w2", "b2")}
    return trunk | posterior.start(params["w3"], params["b3"], variance=0.8, bias_variance=0.3, noise=0.6)


def by_autograd(params, tasks: Tasks, loss) -> Found:
    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    inputs = [rows.inputs.clone().requires_grad_() for rows in tasks]
    target = tasks.support.target.clone().requires_grad_()
    told, asked = (rows._replace(inputs=network.trunk(leaves, own)) for rows, own in zip(tasks, inputs, strict=True))
    score = posterior.mean(posterior.posterior(leaves, told._replace(target=target)), asked.inputs)
    value = (asked.weight * point_losses.value(loss, score, asked.target)).sum()
    grads = torch.autograd.grad(value, [*leaves.values(), *inputs, target])
    return Found(value.detach(), score.detach(), dict(zip(leaves, grads, strict=False)), *grads[-3:])


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("seed", range(4))
def test_equals_autograd(drawn, whole, loss, seed) -> None:
    tasks = drawn(seed)
    found, expected = value_and_gradients(whole, tasks, Pointwise(loss)), by_autograd(whole, tasks, loss)
    assert found.params.keys() == expected.params.keys()
    for name, grad in expected.params.items():
        torch.testing.assert_close(found.params[name], grad, rtol=1e-10, atol=1e-12)
    for one, other in zip((*found[:2], *found[3:]), (*expected[:2], *expected[3:]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_equals_finite_differences(drawn, whole) -> None:
    tasks, step = drawn(), 1e-6
    found = value_and_gradients(whole, tasks, Pointwise("logistic"))
    for name, grad in found.params.items():
        change = torch.randn(grad.shape, generator=torch.Generator().manual_seed(7), dtype=torch.double)
        ends = [
            value_and_gradients({**whole, name: whole[name] + s * step * change}, tasks, Pointwise("logistic"))
            for s in (1, -1)
        ]
        slope = float(ends[0].loss - ends[1].loss) / (2 * step)
        assert slope == pytest.approx(float((grad * change).sum()), rel=1e-6, abs=1e-9)


def test_padding_changes_nothing_and_nothing_given_is_changed(drawn, whole) -> None:
    tasks = drawn()
    held = [*whole.values(), *(part for rows in tasks for part in rows)]
    before = [part.clone() for part in held]
    one = value_and_gradients(whole, tasks)
    assert all((a == b).all() for a, b in zip(held, before, strict=True))
    other = Tasks(*(r._replace(inputs=r.inputs + 5 * (r.weight == 0)[..., None]) for r in tasks))
    two = value_and_gradients(whole, other)
    for name in whole:
        torch.testing.assert_close(one.params[name], two.params[name], rtol=1e-10, atol=1e-12)
    assert not one.support[tasks.support.weight == 0].any()


def test_no_support_slot_at_all_is_the_prior(drawn, whole) -> None:
    tasks = drawn()
    nothing = tasks._replace(support=Rows(*(part[:, :0] for part in tasks.support)))
    found = value_and_gradients(whole, nothing)
    torch.testing.assert_close(found.scores, posterior.prior_mean(whole, network.trunk(whole, tasks.query.inputs)))
    assert found.params["log_noise"] == 0
