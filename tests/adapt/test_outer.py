"""What is learned through the inner loop: known answers, and the mistakes that other implementations make."""

import pytest
import torch

from muslin.adapt import inner, network, outer, point_losses, select
from muslin.adapt.inner import Descent
from muslin.adapt.network import NAMES
from muslin.adapt.tasks import Rows, Tasks, mean_weights

RATE = 0.2


def constant_model(params, inputs):
    """One number for every row: the toy whose meta-gradient is known."""
    return params["w"].expand(len(inputs))


def toy(told: list[float], asked: list[float]) -> Tasks:
    """Tasks of one support and one query row each."""
    ones = torch.ones(len(told), 1, dtype=torch.double)
    weights = mean_weights(ones, ones)
    targets = [torch.tensor(part, dtype=torch.double)[:, None] for part in (told, asked)]
    return Tasks(*(Rows(0 * ones[..., None], t, w) for t, w in zip(targets, weights, strict=True)))


def gradient(params, tasks, how, steps=3, step_weights=None):
    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    inputs = [rows.inputs.clone().requires_grad_() for rows in tasks]
    rates = select.constant(params, steps, RATE)
    own = Tasks(*(rows._replace(inputs=i) for rows, i in zip(tasks, inputs, strict=True)))
    loss = outer.query_loss(leaves, rates, own, how, step_weights)
    return loss.detach(), torch.autograd.grad(loss, [*leaves.values(), *inputs], materialize_grads=True)


@pytest.mark.parametrize("first_order", [False, True])
def test_meta_gradient_of_a_quadratic_is_the_known_one(first_order) -> None:
    """A step takes w to t + (1 - 2 rate)(w - t), so N steps scale both it and its slope by (1 - 2 rate)^N."""
    told, asked, w, n = [1.0, -2.0, 0.5], [1.5, -1.0, 0.0], 0.3, 4
    how = Descent(first_order=first_order)
    leaf = torch.tensor(w, dtype=torch.double, requires_grad=True)
    rates = {"w": torch.full((n,), RATE, dtype=torch.double)}
    loss = outer.query_loss({"w": leaf}, rates, toy(told, asked), how, predict=constant_model)
    shrink = (1 - 2 * RATE) ** n
    ends = [t + shrink * (w - t) for t in told]
    expected = sum((e - a) ** 2 for e, a in zip(ends, asked, strict=True)) / 3
    slope = sum(2 * (e - a) for e, a in zip(ends, asked, strict=True)) / 3 * (1 if first_order else shrink)
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.grad(loss, leaf)[0].item() == pytest.approx(slope, rel=1e-12)


def test_derivative_of_a_learned_rate_is_the_known_one() -> None:
    w, told, asked = 0.3, 1.0, 1.5
    rate = torch.full((1,), RATE, dtype=torch.double, requires_grad=True)
    params = {"w": torch.tensor(w, dtype=torch.double)}
    loss = outer.query_loss(params, {"w": rate}, toy([told], [asked]), Descent(), predict=constant_model)
    end = w - RATE * 2 * (w - told)
    assert torch.autograd.grad(loss, rate)[0].item() == pytest.approx(2 * (end - asked) * -2 * (w - told), rel=1e-12)


def test_second_order_is_not_first_order(drawn, params) -> None:
    (value, exact), (same, near) = (gradient(params, drawn(), Descent(first_order=o)) for o in (False, True))
    assert value == same
    exact, near = (torch.cat([g.flatten() for g in part[:-2]]) for part in (exact, near))
    assert not torch.allclose(exact, near, rtol=1e-2)
    assert torch.cosine_similarity(exact, near, 0) > 0.5  # yet it points the same way


def test_the_query_is_scored_by_adapted_parameters(drawn, params) -> None:
    tasks, how, rates = drawn(), Descent(), select.constant(NAMES, 3, RATE)
    asked = tasks.query
    own = inner.adapted(params, rates, tasks.support, how)
    by_adapted = inner.score(own, rates, asked.inputs)
    losses = [
        (asked.weight * point_losses.value("squared", score, asked.target)).sum()
        for score in (by_adapted, network.scores(params, asked.inputs))
    ]
    assert outer.query_loss(params, rates, tasks, how) == losses[0] != losses[1]
    change = (by_adapted - network.scores(params, asked.inputs)).abs().amax(1)
    assert change[0] < 1e-12  # told nothing: the prior
    assert (change[1:] > 1e-3).all()


def test_query_and_support_are_not_the_same_rows(drawn, params) -> None:
    tasks = drawn()
    swapped = Tasks(tasks.query, tasks.support)
    assert gradient(params, tasks, Descent())[0] != gradient(params, swapped, Descent())[0]


def test_without_labels_it_is_plain_supervised_learning_of_the_query(drawn, params) -> None:
    tasks = drawn()
    told_nothing = tasks._replace(support=tasks.support._replace(weight=0 * tasks.support.weight))
    value, grads = gradient(params, told_nothing, Descent())
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    asked = tasks.query
    loss = (asked.weight * (network.scores(leaves, asked.inputs) - asked.target).square()).sum()
    torch.testing.assert_close(value, loss.detach())
    for one, other in zip(grads, torch.autograd.grad(loss, list(leaves.values())), strict=False):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("first_order", [False, True])
def test_what_made_the_rows_learns_too(drawn, params, first_order) -> None:
    tasks = drawn()
    told, asked = gradient(params, tasks, Descent(first_order=first_order))[1][-2:]
    assert (asked.abs().sum(2) > 0)[tasks.query.weight > 0].float().mean() > 0.9
    assert told.any() != first_order  # to the first order the steps are constants
    assert not told[tasks.support.weight == 0].any()
    assert not asked[tasks.query.weight == 0].any()


def test_losses_after_each_step_add_up_by_weight(drawn, params) -> None:
    tasks = drawn()
    each = [gradient(params, tasks, Descent(), steps)[0] for steps in range(4)]
    together = gradient(params, tasks, Descent(), 3, (0.1, 0.2, 0.3, 0.4))[0]
    torch.testing.assert_close(together, sum(w * e for w, e in zip((0.1, 0.2, 0.3, 0.4), each, strict=True)))


@pytest.mark.parametrize("steps", [1, 4])
def test_annealed_weights_go_from_all_steps_to_the_last(steps) -> None:
    assert outer.annealed(steps, 0.0) == pytest.approx((0.0, *[1 / steps] * steps))
    assert outer.annealed(steps, 1.0) == pytest.approx((*[0.0] * steps, 1.0))
    assert all(sum(outer.annealed(steps, p)) == pytest.approx(1) for p in (0.2, 0.7, 2.0))
    assert outer.annealed(0, 0.5) == (1.0,)
