"""The posterior of a new garment, against a Gaussian process written out over all shoppers."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin import registry
from muslin.data.splits import k_shot
from muslin.features.space import World, encode
from muslin.nets import process, stored, tower
from muslin.testing.worlds import tiny_shop
from muslin.types import Params, Support, Users


@pytest.fixture(scope="module")
def world() -> World:
    return encode(k_shot(tiny_shop(), 0, k=3, k_max=3).train)


@pytest.fixture(scope="module")
def params(world) -> Params:
    entry = registry.entry("muslin")
    return entry.build(entry.config(dimensions=16)).init(world.data, 0) | {"noise": torch.tensor([2.0, 0.5])}


def support(world: World, seed: int = 0, k: int = 4) -> Support:
    """`k` shoppers of each of three cold items, drawn."""
    rng = np.random.default_rng(seed)
    rows = np.arange(world.catalogue.n_hot, world.catalogue.n_hot + 3)
    events = np.zeros((12, 3), dtype=np.float32)
    for column in range(3):
        events[rng.permutation(12)[:k], column] = 1
    users = world.users(world.shoppers.ids[:12].tolist())
    return Support(users, world.items(world.catalogue.ids[rows].tolist()), sp.csr_matrix(events))


def alike(params: Params, world: World, left: Users, right: Users) -> np.ndarray:
    """The weighed sum of the four likenesses, dense and term by term."""
    n, catalogue = world.catalogue.n_hot, world.catalogue
    weights = np.exp(params["kernel"].numpy())
    count = np.asarray(world.data.matrix().getnnz(axis=0), dtype=np.float64)
    past = [(u.history.toarray()[:, :n] > 0).astype(np.float64) for u in (left, right)]
    damped = [(p * count**-0.25) for p in past]
    damped = [d / np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-12) for d in damped]
    vectors = tower.items(params, catalogue.features)[0].double().numpy()
    usual = vectors[params["sample"].numpy()].mean(axis=0)
    tastes = []
    for users in (left, right):
        mean = (users.history.toarray() > 0) @ vectors
        off = mean / np.linalg.norm(mean, axis=1, keepdims=True) - usual
        tastes.append(off / np.linalg.norm(off, axis=1, keepdims=True))
    expected = past[0] @ stored.matrix(params, "ease", n).toarray()
    everyone = (world.data.matrix().toarray() > 0).astype(np.float64)
    usual_expected = (everyone @ stored.matrix(params, "ease", n).toarray()).mean(axis=0)
    everyone *= count**-0.25
    usual_damped = (everyone / np.linalg.norm(everyone, axis=1, keepdims=True)).mean(axis=0)
    away = [d - usual_damped for d in damped]
    parts = (away[0] @ away[1].T, tastes[0] @ tastes[1].T, (expected - usual_expected) @ away[1].T)
    parts = (*parts, np.ones_like(parts[0]))
    return sum(w * p for w, p in zip(weights, parts, strict=True))


def test_it_is_the_posterior_of_a_gaussian_process_on_the_residual(world, params) -> None:
    told, everyone = support(world), world.users(world.shoppers.ids[:40].tolist())
    before = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    found = process.added(process.adapted(params, told, before), everyone, told.items)
    target, noise = (
        float(params["target"]),
        float((params["noise"][0] + params["noise"][1] / 4).exp()) + process.LEAST_NOISE,
    )
    for column in range(3):
        own = np.flatnonzero(told.weight[:, [column]].toarray())
        shoppers = Users(told.users.rows[own], told.users.features[own], told.users.history[own])
        inside = alike(params, world, shoppers, shoppers)
        inside = (inside + inside.T) / 2 + noise * np.eye(len(own))
        gain = alike(params, world, everyone, shoppers) @ np.linalg.solve(inside, target - before[own, column])
        np.testing.assert_allclose(found[:, column], gain, rtol=2e-3, atol=2e-4)


def test_shoppers_without_a_history_are_as_the_mean_shopper(world, params) -> None:
    told = support(world)
    nobody = sp.csr_matrix(told.users.history.shape, dtype=np.float32)
    strangers = Users(told.users.rows, told.users.features, nobody)
    known = process.known(params, told.users, told.items)
    unknown = process.known(params, strangers, told.items)
    for pair in ((unknown, known), (known, unknown)):
        assert not process.between(*pair)[:3].any()
        assert (process.between(*pair)[3] == 1).all()
    before = np.zeros((12, 3), dtype=np.float32)
    mixed = Users(told.users.rows, told.users.features, sp.vstack([told.users.history[:8], nobody[8:]], format="csr"))
    adapted = process.adapted(params, Support(mixed, told.items, told.weight), before)
    found = process.added(adapted, strangers, told.items)
    assert np.ptp(found, axis=0).max() < 1e-5  # nobody is moved but by what is the same for all
    moved, same = process.added(adapted, told.users, told.items), params["kernel"][3].exp().item()
    np.testing.assert_allclose(found[0], same * adapted["adapted/total"][:, 0].numpy(), rtol=1e-4)
    assert np.ptp(moved, axis=0).min() > 1e-3


def test_the_order_of_events_does_not_matter(world, params) -> None:
    told = support(world)
    order, items = np.random.default_rng(1).permutation(12), np.array([2, 0, 1])
    users = world.users(world.shoppers.ids[:12][order].tolist())
    rows = told.items.catalogue.ids[told.items.rows[items]].tolist()
    shuffled = Support(users, world.items(rows), told.weight[order][:, items])
    before = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    everyone = world.users(world.shoppers.ids[:40].tolist())
    first = process.added(process.adapted(params, told, before), everyone, told.items)
    second = process.added(process.adapted(params, shuffled, before[order][:, items]), everyone, told.items)
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


def test_nothing_is_added_where_nothing_was_told(world, params) -> None:
    told, everyone = support(world), world.users(world.shoppers.ids[:10].tolist())
    adapted = process.adapted(params, told, np.zeros((12, 3), dtype=np.float32))
    assert not process.added(params, everyone, told.items).any()
    others = world.items(world.catalogue.ids[:5].tolist())
    assert not process.added(adapted, everyone, others).any()


def test_a_shopper_known_to_want_it_already_counts_less() -> None:
    learned, one = process.start(), torch.ones(4, 1, 1, 1)
    sure, surprised = (process.coefficients(learned, one, torch.tensor([[b]])) for b in (5.0, 0.0))
    assert surprised > sure > 0


def test_two_alike_shoppers_say_less_than_two_different_ones() -> None:
    learned = process.start()
    twins, strangers = torch.ones(4, 1, 2, 2), torch.eye(2).expand(4, 1, 2, 2)
    nothing = torch.zeros(1, 2)
    both = [process.coefficients(learned, alike, nothing).sum() for alike in (twins, strangers)]
    assert both[0] < both[1]


def test_coefficients_have_the_gradients_of_finite_differences() -> None:
    rng = torch.Generator().manual_seed(0)
    raw = torch.randn(4, 2, 4, 4, generator=rng, dtype=torch.float64)
    alike = raw @ raw.mT
    before = torch.randn(2, 4, generator=rng, dtype=torch.float64)

    def total(kernel: torch.Tensor, noise: torch.Tensor, target: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        return process.coefficients({"kernel": kernel, "noise": noise, "target": target}, alike, before).sin().sum()

    leaves = [value.double().requires_grad_() for value in process.start().values()]
    assert torch.autograd.gradcheck(total, (*leaves, before.requires_grad_()), atol=1e-7)
