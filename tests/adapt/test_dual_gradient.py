"""The hand-written gradient against autograd through the plain loop, and against finite differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from muslin.adapt import dual, inner, network, outer
from muslin.adapt.dual import Layers
from muslin.adapt.dual_gradient import Found, Plan, value_and_gradients
from muslin.adapt.inner import Descent
from muslin.adapt.tasks import Rows, Tasks
from muslin.types import Params

ALL = [(True, True, True), (False, False, True), (True, False, True), (False, True, True), (True, False, False)]
STEPS = [None, (0.1, 0.2, 0.3, 0.4), (0.0, 1.0, 0.0, 0.0)]


def with_inputs(tasks: Tasks, inputs: list[torch.Tensor]) -> Tasks:
    return Tasks(*(rows._replace(inputs=own) for rows, own in zip(tasks, inputs, strict=True)))


def per_layer(rates: torch.Tensor, layers: tuple[bool, ...] = (True, True, True)) -> dict[str, torch.Tensor]:
    """Rates by parameter of the layers that move, from one a step and layer [N, 3]."""
    return {name: rates[:, at] for at, names in enumerate(network.LAYERS) if layers[at] for name in names}


def by_autograd(params: Params, rates: torch.Tensor, tasks: Tasks, plan: Plan) -> Found:
    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    rate, inputs = rates.clone().requires_grad_(), [rows.inputs.clone().requires_grad_() for rows in tasks]
    moving = per_layer(rate, (plan.layers.first, plan.layers.second, plan.layers.third))
    loss = outer.query_loss(leaves, moving, with_inputs(tasks, inputs), plan.how, plan.step_weights)
    grads = torch.autograd.grad(loss, [*leaves.values(), rate, *inputs], materialize_grads=True)
    own = inner.adapted(params, moving, tasks.support, plan.how)
    scores = inner.score(own, moving, tasks.query.inputs).detach()
    return Found(loss.detach(), scores, dict(zip(leaves, grads, strict=False)), *grads[-3:])


def assert_same(found: Found, expected: Found, tolerance: float = 1e-10) -> None:
    pairs = [(one, other) for one, other in zip(found, expected, strict=True) if isinstance(one, torch.Tensor)]
    for one, other in [*pairs, *((found.params[n], expected.params[n]) for n in expected.params)]:
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * float(other.norm()) + 1e-15)


@pytest.mark.parametrize("step_weights", STEPS, ids=["last", "all", "middle"])
@pytest.mark.parametrize("layers", ALL, ids=str)
@pytest.mark.parametrize("first_order", [False, True], ids=["second", "first"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_equals_autograd_through_the_plain_loop(drawn, params, rates, loss, first_order, layers, step_weights) -> None:
    plan = Plan(
        how=Descent(loss=loss, first_order=first_order),
        layers=Layers(first=layers[0], second=layers[1], third=layers[2]),
        step_weights=step_weights,
        learn_rates=True,
    )
    tasks = drawn()
    assert_same(value_and_gradients(params, rates, tasks, plan), by_autograd(params, rates, tasks, plan))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), steps=st.integers(0, 6), tasks=st.integers(1, 9), rate=st.floats(0, 0.5))
def test_equals_autograd_for_any_tasks(drawn, params, seed, steps, tasks, rate) -> None:
    plan, given_tasks = Plan(how=Descent(loss="logistic"), learn_rates=True), drawn(seed, tasks)
    rates = torch.full((steps, 3), rate, dtype=torch.double)
    assert_same(value_and_gradients(params, rates, given_tasks, plan), by_autograd(params, rates, given_tasks, plan))


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_equals_finite_differences(drawn, params, rates, loss) -> None:
    plan, tasks, step = Plan(how=Descent(loss=loss), learn_rates=True), drawn(), 1e-6
    found = value_and_gradients(params, rates, tasks, plan)

    def slope(change: torch.Tensor, put) -> float:
        ends = [value_and_gradients(*put(sign * step * change), plan).loss for sign in (1, -1)]
        return float(ends[0] - ends[1]) / (2 * step)

    def close(grad: torch.Tensor, put) -> None:
        change = torch.randn(grad.shape, generator=torch.Generator().manual_seed(7), dtype=torch.double)
        expected = float((grad * change).sum())
        assert slope(change, put) == pytest.approx(expected, rel=1e-6, abs=1e-9)

    for name, grad in found.params.items():
        close(grad, lambda c, n=name: ({**params, n: params[n] + c}, rates, tasks))
    close(found.rates, lambda c: (params, rates + c, tasks))
    told, asked = (rows.inputs for rows in tasks)
    close(found.support, lambda c: (params, rates, with_inputs(tasks, [told + c, asked])))
    close(found.query, lambda c: (params, rates, with_inputs(tasks, [told, asked + c])))


def test_batched_is_looped(drawn, params, rates) -> None:
    tasks, plan = drawn(), Plan(learn_rates=True)
    whole = value_and_gradients(params, rates, tasks, plan)
    each = [
        value_and_gradients(params, rates, Tasks(*(Rows(*(p[t : t + 1] for p in rows)) for rows in tasks)), plan)
        for t in range(len(tasks.query.weight))
    ]
    torch.testing.assert_close(whole.loss, sum(f.loss for f in each))
    for at in ("scores", "support", "query"):
        torch.testing.assert_close(getattr(whole, at), torch.cat([getattr(f, at) for f in each]))
    for name in network.NAMES:
        torch.testing.assert_close(whole.params[name], sum(f.params[name] for f in each))


def test_padding_changes_nothing(drawn, params, rates) -> None:
    tasks, plan = drawn(), Plan(learn_rates=True)
    padded = [rows.weight == 0 for rows in tasks]
    other = Tasks(
        *(
            Rows(rows.inputs + 5 * own[..., None], rows.target - 3 * own, rows.weight)
            for rows, own in zip(tasks, padded, strict=True)
        )
    )
    one, two = (value_and_gradients(params, rates, t, plan) for t in (tasks, other))
    assert_same(two, one._replace(scores=two.scores))
    assert not one.support[padded[0]].any()
    assert not one.query[padded[1]].any()
    told = tasks.support
    wider = Rows(
        *(
            torch.cat([part.new_full((len(part), 2, *part.shape[2:]), v), part], 1)
            for part, v in zip(told, (1.0, 1.0, 0.0), strict=True)
        )
    )
    more = value_and_gradients(params, rates, tasks._replace(support=wider), plan)
    assert_same(more._replace(support=more.support[:, 2:]), one)


def test_no_support_slot_at_all_is_the_prior(drawn, params, rates) -> None:
    tasks = drawn()
    nothing = tasks._replace(support=Rows(*(part[:, :0] for part in tasks.support)))
    found = value_and_gradients(params, rates, nothing)
    torch.testing.assert_close(found.scores, network.scores(params, tasks.query.inputs))
    assert_same(found, by_autograd(params, rates, nothing, Plan())._replace(rates=found.rates))


def test_reptile_in_dual_form_is_the_plain_one(drawn, params, rates) -> None:
    tasks, how = drawn(), Descent(loss="logistic")
    told = tasks.support
    found = dual.trace(params, rates, told, how, Layers())
    some = (told.weight > 0).any(1).double()
    ours = dual.displacement(params, found, told, some / some.sum())
    after = inner.adapted(params, per_layer(rates), told, how)
    for name in network.NAMES:
        torch.testing.assert_close(ours[name], (params[name] - after[name])[some > 0].mean(0))


def test_single_precision_is_close_to_double(drawn, params, rates) -> None:
    tasks = drawn()
    exact = value_and_gradients(params, rates, tasks, Plan(learn_rates=True))
    single = Tasks(*(Rows(*(part.float() for part in rows)) for rows in tasks))
    near = value_and_gradients({n: p.float() for n, p in params.items()}, rates.float(), single, Plan(learn_rates=True))
    parts = near._replace(params=None)
    doubled = Found(*(part if part is None else part.double() for part in parts))
    assert_same(doubled._replace(params={n: p.double() for n, p in near.params.items()}), exact, 1e-4)


@pytest.mark.parametrize("tasks", [1, 3])
def test_nothing_given_is_changed(drawn, params, rates, tasks) -> None:
    given_tasks = drawn(4, tasks)
    held = [*params.values(), rates, *(part for rows in given_tasks for part in rows)]
    before = [part.clone() for part in held]
    first, second = (value_and_gradients(params, rates, given_tasks, Plan(learn_rates=True)) for _ in range(2))
    assert all((one == two).all() for one, two in zip(held, before, strict=True))
    assert_same(first, second, 0)
