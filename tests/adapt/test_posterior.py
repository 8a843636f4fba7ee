"""The closed form against Bayes' rule written out over all numbers involved, in any order of telling."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from muslin.adapt import network, posterior
from muslin.adapt.tasks import Rows, Tasks
from muslin.types import Params

H = 6


@pytest.fixture(scope="module")
def head() -> Params:
    mean = torch.randn(H, generator=torch.Generator().manual_seed(3), dtype=torch.double)
    return posterior.start(mean, mean.new_tensor(0.4), variance=0.7, bias_variance=0.3, noise=0.5)


@pytest.fixture(scope="module")
def features(drawn, params) -> Tasks:
    return Tasks(
        *(rows._replace(inputs=network.trunk(params, rows.inputs) + 0.1 * rows.inputs[..., :H]) for rows in drawn())
    )


def bayes(head: Params, told: Rows, asked: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the asked scores of one task: a joint Gaussian over everything, conditioned."""
    there = (told.weight > 0).numpy()
    x, y, w = (part.numpy()[there] for part in told)
    both = np.concatenate([x, asked.numpy()])
    log = {name: value.item() for name, value in head.items() if name.startswith("log")}
    joint = np.exp(log["log_variance"]) * both @ both.T + np.exp(log["log_bias_variance"])
    before = both @ head["mean"].numpy() + head["mean_bias"].item()
    k = len(x)
    inside = joint[:k, :k] + np.diag(np.exp(log["log_noise"]) / w)
    gain = joint[k:, :k] @ np.linalg.inv(inside)
    return before[k:] + gain @ (y - before[:k]), joint[k:, k:] - gain @ joint[:k, k:]


def from_sums(head: Params, told: list[Rows]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of weights and bias (last) from statistics of the events, which simply add."""
    outer, inner = torch.zeros(()), torch.zeros(())
    for rows in told:
        with_one = torch.cat([rows.inputs, torch.ones_like(rows.inputs[:, :, :1])], 2)
        weighted = with_one * rows.weight[:, :, None]
        outer = outer + weighted.mT @ with_one
        inner = inner + (weighted.mT @ rows.target[:, :, None]).squeeze(2)
    before = torch.cat([head["mean"], head["mean_bias"][None]])
    tight = torch.cat([(-head["log_variance"]).exp().expand(H), (-head["log_bias_variance"]).exp()[None]])
    noise = head["log_noise"].exp()
    covariance = torch.linalg.inv(outer / noise + torch.diag(tight))
    return (covariance @ (inner / noise + tight * before)[:, :, None]).squeeze(2), covariance


def one(tasks: Rows, task: int) -> Rows:
    return Rows(*(part[task] for part in tasks))


def test_it_is_bayes_rule(head, features) -> None:
    told, asked = features.support, features.query.inputs
    told = told._replace(weight=told.weight * 3)
    known = posterior.posterior(head, told)
    found, spread = posterior.mean(known, asked), posterior.variance(head, known, asked)
    for task in range(len(asked)):
        mean, covariance = bayes(head, one(told, task), asked[task])
        np.testing.assert_allclose(found[task], mean, rtol=1e-10)
        np.testing.assert_allclose(spread[task], np.diag(covariance), rtol=1e-8)


def test_told_nothing_the_prior_answers(head, features) -> None:
    asked = features.query.inputs
    known = posterior.posterior(head, features.support)
    torch.testing.assert_close(posterior.mean(known, asked)[0], posterior.prior_mean(head, asked[0]))
    before = head["log_variance"].exp() * asked.square().sum(2) + head["log_bias_variance"].exp()
    after = posterior.variance(head, known, asked)
    torch.testing.assert_close(after[0], before[0])
    assert (after[1:] < 0.999 * before[1:]).all()


def test_padding_may_hold_anything(head, features) -> None:
    told = features.support
    padded = told.weight == 0
    other = Rows(told.inputs + 9 * padded[..., None], told.target + 7 * padded, told.weight)
    one, two = (posterior.posterior(head, rows) for rows in (told, other))
    torch.testing.assert_close(one.weight, two.weight, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(one.bias, two.bias, rtol=1e-12, atol=1e-14)


@settings(deadline=None, max_examples=30)
@given(order=st.permutations(range(5)), cut=st.integers(0, 5))
def test_told_in_any_order_and_parts_it_is_the_same(head, features, order, cut) -> None:
    told = features.support
    known = posterior.posterior(head, told)
    parts = [Rows(*(part[:, list(own)] for part in told)) for own in (order[:cut], order[cut:]) if len(own)]
    mean, covariance = from_sums(head, parts)
    torch.testing.assert_close(mean[:, :-1], known.weight)
    torch.testing.assert_close(mean[:, -1], known.bias)
    asked = torch.cat([features.query.inputs, torch.ones(len(mean), 4, 1, dtype=torch.double)], 2)
    spread = (torch.bmm(asked, covariance) * asked).sum(2)
    torch.testing.assert_close(spread, posterior.variance(head, known, asked[..., :-1]))


def test_all_of_it_can_be_learned(head, features) -> None:
    """Gradients through the Cholesky factor, against finite differences: trunk, prior, variances, noise."""
    names = sorted(head)

    def loss(told: torch.Tensor, question: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        own, asked = dict(zip(names, values, strict=True)), features.query._replace(inputs=question)
        known = posterior.posterior(own, features.support._replace(inputs=told))
        mean, spread = posterior.mean(known, asked.inputs), posterior.variance(own, known, asked.inputs)
        density = torch.distributions.Normal(mean, (spread + own["log_noise"].exp()).sqrt()).log_prob(asked.target)
        return -(asked.weight * density).sum()

    leaves = [
        value.clone().requires_grad_()
        for value in (features.support.inputs, features.query.inputs, *(head[n] for n in names))
    ]
    assert torch.autograd.gradcheck(loss, leaves, eps=1e-6, atol=1e-7, rtol=1e-6)
    grads = torch.autograd.grad(loss(*leaves), leaves)
    assert all(grad.abs().sum() > 0 for grad in grads)


def planted(own: float, seed: int, k: int, tasks: int = 400) -> Tasks:
    """Linear tasks whose weights differ from task to task by `own`, seen through much noise."""
    rng = torch.Generator().manual_seed(seed)
    rows = torch.randn(tasks, k + 8, H, generator=rng, dtype=torch.double)
    weight = 1 + own * torch.randn(tasks, H, 1, generator=rng, dtype=torch.double)
    noise = torch.randn(tasks, k + 8, generator=rng, dtype=torch.double)
    target = (rows @ weight).squeeze(2) + noise
    ones = torch.ones_like(noise)
    return Tasks(Rows(rows[:, :k], target[:, :k], ones[:, :k]), Rows(rows[:, k:], target[:, k:], ones[:, k:]))


def error(head: Params, tasks: Tasks, *, told: bool = True) -> torch.Tensor:
    own, asked = tasks.support, tasks.query
    known = posterior.posterior(head, own._replace(weight=own.weight * told))
    return (posterior.mean(known, asked.inputs) - asked.target).square().mean()


@pytest.mark.parametrize(("own", "variance"), [(0.1, 3.0), (1.0, 0.01)], ids=["too much", "too little"])
def test_how_far_one_event_moves_the_prior_is_learned(own, variance) -> None:
    """From a variance that trusts one event far too much it learns not to be hurt by it; from too little, to gain."""
    mean = torch.ones(H, dtype=torch.double)
    head = posterior.start(mean, mean.new_tensor(0.0), variance=variance, bias_variance=variance, noise=1.0)
    train, test = planted(own, 0, 1), planted(own, 1, 1)
    before = error(head, test, told=False) - error(head, test)
    assert before < (0.1 if own == 1.0 else -0.1)
    leaves = {name: value.clone().requires_grad_() for name, value in head.items()}
    optimizer = torch.optim.Adam(leaves.values(), lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        error(leaves, train).backward()
        optimizer.step()
    learned = {name: value.detach() for name, value in leaves.items()}
    gain = error(learned, test, told=False) - error(learned, test)
    assert gain > (0.5 if own == 1.0 else -0.01)
    trust = learned["log_variance"] - learned["log_noise"]
    assert trust.item() == pytest.approx(np.log(own**2), abs=1.0)
