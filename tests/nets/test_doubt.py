"""The posterior variance, against a Gaussian process written out over all shoppers."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin import registry
from muslin.data.splits import k_shot
from muslin.features.space import World, encode
from muslin.nets import doubt, episodes, warming
from muslin.testing.worlds import tiny_shop
from muslin.types import Support

NOISE = 1.5


@pytest.fixture(scope="module")
def world() -> World:
    return encode(k_shot(tiny_shop(), 0, k=3, k_max=3).train)


@pytest.fixture(scope="module")
def fitted(world: World):
    config = registry.entry("gp_residual").config(choose=False, noise=NOISE, target=6.0)
    method = registry.build("gp_residual", config)
    return method, method.init(world.data, 0)


def support(world: World, sizes: tuple[int, ...] = (4, 1, 0)) -> Support:
    """The first so many of twelve shoppers, for each of three new items."""
    users = world.users(world.shoppers.ids[:12].tolist())
    rows = np.arange(world.catalogue.n_hot, world.catalogue.n_hot + len(sizes))
    events = (np.arange(12)[:, None] < np.array(sizes)[None, :]).astype(np.float32)
    return Support(users, world.items(world.catalogue.ids[rows].tolist()), sp.csr_matrix(events))


def dense_variance(world: World, told: Support, column: int, history: np.ndarray) -> np.ndarray:
    """1 - k (K + noise I)^-1 k from the definition."""
    count = np.asarray(world.data.matrix().getnnz(axis=0), dtype=np.float64) ** -0.25
    unit = [(h > 0) * count for h in (history, told.users.history[:, : len(count)].toarray())]
    everyone, shoppers = (u / np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-12) for u in unit)
    own = shoppers[np.flatnonzero(told.weight[:, [column]].toarray())]
    across = everyone @ own.T
    return 1 - np.einsum("uk,kl,ul->u", across, np.linalg.inv(own @ own.T + NOISE * np.eye(len(own))), across)


def test_the_variance_is_that_of_a_gaussian_process(world, fitted) -> None:
    method, params = fitted
    told, everyone = support(world), world.users(world.shoppers.ids[:40].tolist())
    found = method.uncertainty(method.adapt(params, told), everyone, told.items).double().numpy() ** 2
    history = everyone.history[:, : world.catalogue.n_hot].toarray()
    for column in range(3):
        expected = 36.0 * dense_variance(world, told, column, history)
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-4)
    assert found[:, 2] == pytest.approx(36.0)


def test_events_never_add_doubt_and_more_of_them_take_more(world, fitted) -> None:
    method, params = fitted
    everyone = world.users(world.shoppers.ids[:40].tolist())
    few, many = support(world, (1, 1, 1)), support(world, (6, 6, 6))
    spreads = [
        method.uncertainty(p, everyone, few.items)
        for p in (params, method.adapt(params, few), method.adapt(params, many))
    ]
    assert (spreads[0] >= spreads[1]).all()
    assert (spreads[1] >= spreads[2]).all()
    assert (spreads[0] > spreads[2]).any()


def test_trained_items_and_strangers_are_not_moved_and_not_in_doubt(world, fitted) -> None:
    method, params = fitted
    users, items = world.users([world.shoppers.ids[0], "a stranger"]), world.items()
    spread = method.uncertainty(params, users, items)
    assert torch.equal(spread[1], torch.zeros(len(items)))
    hot = torch.from_numpy(items.rows < world.catalogue.n_hot)
    assert torch.equal(spread[0, hot], torch.zeros(int(hot.sum())))
    assert (spread[0, ~hot] > 0).all()


def test_the_prior_variance_is_found_again_from_scores_drawn_with_it(world) -> None:
    """Planted: residuals drawn from a process of known variance, seen with noise, and the posterior means they give."""

    method = registry.build("gp_residual")
    params = method.init(world.data, 0)
    drawn = episodes.drawn(world.data, params, 128, 0)
    assert drawn is not None
    cases, variance = drawn.cases, 9.0
    told = cases.told[-1]
    after = drawn.params | doubt.adapted(warming.heard(drawn.params, told), told, NOISE)

    weight, rng = drawn.params["damping"].numpy(), np.random.default_rng(0)
    asked, shoppers = (warming.damped(u.history, weight) for u in (cases.users, told.users))
    moved = np.zeros((asked.shape[0], len(cases.items)), dtype=np.float32)
    for column in range(len(cases.items)):
        own = shoppers[np.flatnonzero(told.weight[:, [column]].toarray())]
        kernel = (own @ own.T).toarray() + NOISE * np.eye(own.shape[0])
        seen = np.linalg.cholesky(variance * kernel) @ rng.normal(size=len(kernel))
        moved[:, column] = (asked @ own.T).toarray() @ np.linalg.solve(kernel, seen)
    assert doubt.variance(after, cases, moved) == pytest.approx(variance, rel=0.25)
