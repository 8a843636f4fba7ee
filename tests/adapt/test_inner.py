"""The inner loop against loops written out, and against what can be worked out on paper."""

import pytest
import torch

from muslin.adapt import inner, network, point_losses, select
from muslin.adapt.inner import Descent
from muslin.adapt.network import HEAD, LAYERS, NAMES
from muslin.adapt.tasks import Rows
from muslin.errors import UsageError


def by_loop(params, rates, rows: Rows, how: Descent):
    """Plain autograd, one task after the other, changing nothing in place."""
    own = dict(params)
    for step in range(len(rates["w3"])):
        leaves = {name: own[name].detach().requires_grad_() for name in rates}
        score = network.scores({**own, **leaves}, rows.inputs)
        loss = (rows.weight * point_losses.value(how.loss, score, rows.target)).sum()
        grads = torch.autograd.grad(loss, list(leaves.values()))
        own |= {n: own[n] - rates[n][step] * g for n, g in zip(leaves, grads, strict=True)}
    return own


@pytest.mark.parametrize("names", [NAMES, HEAD, frozenset({"w2", "w3"})], ids=["all", "head", "two"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_batched_is_looped(drawn, params, names, loss) -> None:
    how, tasks, rates = Descent(loss=loss), drawn(), select.constant(names, 3, 0.2)
    found = inner.adapted(params, rates, tasks.support, how)
    for task in range(len(tasks.query.weight)):
        expected = by_loop(params, rates, Rows(*(part[task] for part in tasks.support)), how)
        for name in NAMES:
            torch.testing.assert_close(found[name][task] if name in names else found[name], expected[name])


def test_a_rate_for_each_weight_is_used_weight_by_weight(drawn, params) -> None:
    tasks, how = drawn(), Descent()
    rates = select.per_weight(params, NAMES, 1, 0.0)
    rates["w1"][0, 2, 3] = rates["b3"][0] = 0.5
    one = inner.adapted(params, select.constant(NAMES, 1, 0.5), tasks.support, how)
    found = inner.adapted(params, rates, tasks.support, how)
    assert (found["w1"] != params["w1"]).sum() == (found["w1"][:, 2, 3] != params["w1"][2, 3]).sum() > 0
    torch.testing.assert_close(found["w1"][:, 2, 3], one["w1"][:, 2, 3])
    torch.testing.assert_close(found["b3"], one["b3"])
    assert (found["w2"] == params["w2"]).all()


def test_a_rate_for_each_step_is_used_step_by_step(drawn, params) -> None:
    rows, how = drawn().support, Descent()
    each = torch.tensor([[0.1, 0.2, 0.3], [0.3, 0.1, 0.0]], dtype=torch.double)
    rates = {name: each[:, at] for at, names in enumerate(LAYERS) for name in names}
    path = inner.paths(params, rates, rows, how)
    first = inner.adapted(params, {n: r[:1] for n, r in rates.items()}, rows, how)
    assert len(path) == 3
    for name in NAMES:
        torch.testing.assert_close(path[1][name], first[name])
    assert (path[2]["w3"] == path[1]["w3"]).all()
    assert (path[2]["w1"] != path[1]["w1"]).any()


def test_without_support_or_steps_the_prior_stays(drawn, params) -> None:
    tasks, how = drawn(), Descent()
    after = inner.adapted(params, select.constant(NAMES, 3, 0.2), tasks.support, how)
    for name in NAMES:
        assert (after[name][0] == params[name]).all()
        assert (after[name][1] != params[name]).any()
    still = select.constant(NAMES, 0, 0.2)
    unmoved = inner.score(inner.adapted(params, still, tasks.support, how), still, tasks.query.inputs)
    torch.testing.assert_close(unmoved, network.scores(params, tasks.query.inputs))


def test_what_stays_is_not_copied_and_what_moves_is_new(drawn, params) -> None:
    before = {name: value.clone() for name, value in params.items()}
    after = inner.adapted(params, select.constant(HEAD, 2, 0.2), drawn().support, Descent())
    assert after["w1"] is params["w1"]
    assert all((params[name] == before[name]).all() for name in NAMES)


def test_padding_may_hold_anything(drawn, params) -> None:
    tasks, how, rates = drawn(), Descent(loss="logistic"), select.constant(NAMES, 3, 0.2)
    own = tasks.support
    padded = own.weight == 0
    other = Rows(own.inputs + 9 * padded[..., None], own.target + 7 * padded, own.weight)
    one, two = (inner.adapted(params, rates, rows, how) for rows in (own, other))
    for name in NAMES:
        torch.testing.assert_close(one[name], two[name], rtol=1e-12, atol=1e-14)


def test_two_lengths_of_rates_are_refused(drawn, params) -> None:
    rates = select.constant({"w3"}, 2, 0.1) | select.constant({"b3"}, 3, 0.1)
    with pytest.raises(ValueError, match="different numbers of steps"):
        inner.adapted(params, rates, drawn().support, Descent())


def test_an_unknown_parameter_is_named_with_the_nearest(params) -> None:
    with pytest.raises(UsageError, match=r"w4[\s\S]*did you mean|w4[\s\S]*choose one of"):
        select.per_weight(params, {"w4"}, 1, 0.1)
