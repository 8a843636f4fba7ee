"""What a new item's first shoppers add, against a Gaussian process written out over all shoppers."""

import numpy as np
import pytest
import scipy.sparse as sp

from muslin import registry
from muslin.data.splits import k_shot
from muslin.features.space import World, encode
from muslin.nets import warming
from muslin.testing.worlds import tiny_shop
from muslin.types import Support


@pytest.fixture(scope="module")
def world() -> World:
    return encode(k_shot(tiny_shop(), 0, k=3, k_max=3).train)


def support(world: World, seed: int = 0, k: int = 4) -> Support:
    """`k` shoppers of each of three cold items, drawn."""
    rng = np.random.default_rng(seed)
    users = world.users(world.shoppers.ids[:12].tolist())
    rows = np.arange(world.catalogue.n_hot, world.catalogue.n_hot + 3)
    events = np.zeros((12, 3), dtype=np.float32)
    for column in range(3):
        events[rng.permutation(12)[:k], column] = 1
    return Support(users, world.items(world.catalogue.ids[rows].tolist()), sp.csr_matrix(events))


def kernel(world: World, power: float, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Popularity-damped cosine of whole histories, dense."""
    count = np.asarray(world.data.matrix().getnnz(axis=0), dtype=np.float64)
    scaled = [(h > 0) * count**-power for h in (left, right)]
    unit = [s / np.maximum(np.linalg.norm(s, axis=1, keepdims=True), 1e-12) for s in scaled]
    return unit[0] @ unit[1].T


def test_the_posterior_is_that_of_a_gaussian_process_on_the_residual(world) -> None:
    method = registry.build("gp_residual", registry.entry("gp_residual").config(choose=False))
    c, params, told = method.config, method.init(world.data, 0), support(world)
    everyone = world.users(world.shoppers.ids[:40].tolist())
    n = world.catalogue.n_hot
    before = method.score(params, everyone, told.items).double().numpy()
    at_support = method.score(params, told.users, told.items).double().numpy()
    found = method.score(method.adapt(params, told), everyone, told.items).double().numpy()
    shoppers, all_users = told.users.history[:, :n].toarray(), everyone.history[:, :n].toarray()
    for column in range(3):
        own = np.flatnonzero(told.weight[:, [column]].toarray())
        inside = kernel(world, c.damping, shoppers[own], shoppers[own]) + c.noise * np.eye(len(own))
        across = kernel(world, c.damping, all_users, shoppers[own])
        gain = across @ np.linalg.solve(inside, c.target - at_support[own, column])
        np.testing.assert_allclose(found[:, column], before[:, column] + gain, rtol=1e-4, atol=1e-4)


def test_votes_add_up(world) -> None:
    method = registry.build("prior_knn", registry.entry("prior_knn").config(choose=False))
    c, params, told = method.config, method.init(world.data, 0), support(world)
    everyone = world.users(world.shoppers.ids[:40].tolist())
    n = world.catalogue.n_hot
    gain = method.score(method.adapt(params, told), everyone, told.items) - method.score(params, everyone, told.items)
    for column in range(3):
        own = np.flatnonzero(told.weight[:, [column]].toarray())
        alike = kernel(world, c.damping, everyone.history[:, :n].toarray(), told.users.history[own][:, :n].toarray())
        expected = alike.sum(axis=1) * c.votes / (len(own) + c.doubt)
        np.testing.assert_allclose(gain[:, column].numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["prior_knn", "gp_residual"])
def test_the_order_in_which_items_and_shoppers_are_told_does_not_matter(world, name) -> None:
    method = registry.build(name)
    params, told = method.init(world.data, 0), support(world)
    order, items = np.random.default_rng(1).permutation(12), np.array([2, 0, 1])
    users = world.users(world.shoppers.ids[:12][order].tolist())
    shuffled = Support(
        users, world.items(told.items.catalogue.ids[told.items.rows[items]].tolist()), told.weight[order][:, items]
    )
    everyone = world.users(world.shoppers.ids[:40].tolist())
    first, second = (method.score(method.adapt(params, s), everyone, told.items).numpy() for s in (told, shuffled))
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["prior_knn", "gp_residual"])
def test_without_an_event_the_prior_stays(world, name) -> None:
    """And it is that of `ease_content`, which learns nothing at serving time."""
    method, plain = registry.build(name), registry.build("ease_content")
    users, items = world.users(world.shoppers.ids[:30].tolist()), world.items()
    prior = plain.score(plain.init(world.data, 0), users, items)
    assert (method.score(method.init(world.data, 0), users, items) == prior).all()


def test_damping_says_how_much_popular_items_count() -> None:
    bought = sp.csr_matrix(np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1]], dtype=np.float32))
    np.testing.assert_allclose(warming.damping(bought, 0.5), [3**-0.5, 2**-0.5, 1.0])
    lengths = np.linalg.norm(warming.damped(bought, warming.damping(bought, 0.5)).toarray(), axis=1)
    np.testing.assert_allclose(lengths, 1.0)
