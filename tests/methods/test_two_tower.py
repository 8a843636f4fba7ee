"""Two towers beside their definitions: logits and loss, what sells, adapters, and what can be carried."""

import numpy as np
import pytest
import torch

from muslin import registry
from muslin.data.splits import item_cold
from muslin.features.space import World, encode
from muslin.method import Transferable
from muslin.testing.worlds import tiny_shop
from muslin.train.loop import Run, train

SMALL = {"dimensions": 16, "negatives": 32, "batch_size": 128, "epochs": 2}


@pytest.fixture(scope="module")
def world() -> World:
    return encode(item_cold(tiny_shop(), 0, share=0.2).train)


def build(**options):
    entry = registry.entry("two_tower")
    return entry.build(entry.config(**SMALL, **options))


@pytest.fixture(scope="module")
def params(world):
    return train(build(popularity=1.0), world.data, Run("t", 0)).params


def batch_of(method, world):
    return next(iter(method.batches(world.data, 0, 0)))


def scores(method, params, world) -> torch.Tensor:
    return method.score(params, world.users(world.shoppers.ids[:20].tolist()), world.items())


def test_it_can_be_carried() -> None:
    assert isinstance(build(), Transferable)


@pytest.mark.parametrize("adapted", [False, True])
def test_the_cross_entropy_of_the_logits_is_the_loss_and_its_slope_the_gradient(world, params, adapted) -> None:
    method = build()
    if adapted:
        rng = torch.Generator().manual_seed(0)
        params = params | {n: torch.randn(v.shape, generator=rng) for n, v in method.adapters(params, 0).items()}
    batch = batch_of(method, world)
    logits = method.logits(params, batch)
    assert logits.shape == (len(batch.pairs.target), 1 + len(batch.pairs.negative))
    assert torch.equal(torch.isinf(logits[:, 1:]), torch.from_numpy(batch.pairs.taken))
    assert logits[:, 0].isfinite().all()
    grads, metrics = method.step(params, batch)
    leaves = {name: params[name].clone().requires_grad_() for name in grads}
    target = torch.zeros(len(logits), dtype=torch.int64)
    loss = torch.nn.functional.cross_entropy(method.logits({**params, **leaves}, batch), target)
    assert loss.item() == pytest.approx(metrics["loss"], rel=1e-5)
    for name, slope in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
        assert torch.allclose(grads[name], slope, atol=1e-5), name


def test_logits_are_scores_with_the_correction(world, params) -> None:
    """For pairs whose shopper is shown whole, a logit is the score less the log of the expected count."""
    method = build()
    batch = batch_of(method, world)
    pairs = batch.pairs
    history = np.zeros((len(pairs.user), len(world.catalogue)), dtype=np.float32)
    history[:, pairs.items] = pairs.history.toarray()
    users = world.users(world.shoppers.ids[pairs.user].tolist())
    shown = type(users)(users.rows, users.features, type(users.history)(history > 0, dtype=np.float32))
    every = method.score(params, shown, world.items())[:, torch.from_numpy(pairs.items)]
    found = method.logits(params, batch)[:, 1:].masked_fill(torch.from_numpy(pairs.taken), 0)
    expected = every[:, torch.from_numpy(pairs.negative)] - torch.from_numpy(pairs.log_q_negative)
    assert torch.allclose(found, expected.masked_fill(torch.from_numpy(pairs.taken), 0), atol=1e-4)
    own = every[torch.arange(len(every)), torch.from_numpy(pairs.target)] - torch.from_numpy(pairs.log_q_target)
    assert torch.allclose(method.logits(params, batch)[:, 0], own, atol=1e-4)


def test_garments_are_represented_by_unit_vectors(world, params) -> None:
    method = build()
    batch = batch_of(method, world)
    vectors = method.represent(params, batch)
    assert vectors.shape == (len(batch.pairs.items), SMALL["dimensions"])
    assert torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-5)


def test_adapters_change_nothing_yet(world, params) -> None:
    method = build()
    more = method.adapters(params, 0)
    batch = batch_of(method, world)
    for ask in (lambda p: method.represent(p, batch), lambda p: method.logits(p, batch)):
        assert torch.equal(ask(params | more), ask(params))
    assert torch.equal(scores(method, params | more, world), scores(method, params, world))
    assert {name: tuple(v.shape) for name, v in more.items()} == {"adapter/down": (16, 2), "adapter/up": (2, 16)}
    grads, _ = method.step(params | more, batch)
    assert grads["adapter/up"].abs().max() > 0, "they can be learned"


def test_adapters_follow_the_seed(params) -> None:
    first, again, other = (build().adapters(params, seed)["adapter/down"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_groups_hold_everything_that_is_trained_once_and_nothing_else(world, params) -> None:
    method = build(popularity=1.0)
    for held in (params, params | method.adapters(params, 0)):
        groups = method.groups(held)
        grads, _ = method.step(held, batch_of(method, world))
        assert sum(map(len, groups)) == len(frozenset().union(*groups))
        assert frozenset().union(*groups) == grads.keys()
        assert groups[0] == {"bias", "log_scale", "profile"}
        assert groups[-1] == {"item"}


def test_sides_say_whose_features_the_rows_are_of(world, params) -> None:
    rows = {"items": world.catalogue.features.matrix.shape[1], "shoppers": world.shoppers.features.matrix.shape[1]}
    sides = build().sides
    for name, side in sides.items():
        if side != "own":
            assert len(params[name]) == rows[side]
    assert sides["sold"] == "own"
    assert len(params["sold"]) == world.catalogue.n_hot
    assert set(params) - set(sides) == {"log_scale"}


def test_what_sold_is_counted_by_shoppers_within_the_domain(world, params) -> None:
    matrix, catalogue = world.data.matrix().toarray() > 0, world.data.catalogue
    for domain in range(len(catalogue.domains)):
        inside = catalogue.domain == domain
        sold = matrix[:, inside].sum(axis=0)
        expected = np.log(1 + sold) - np.log(1 + sold.mean())
        assert np.allclose(params["sold"].numpy()[inside], expected, atol=1e-5)


def test_popularity_adds_what_sold_and_nothing_to_cold_garments(world, params) -> None:
    plain, weighed = (scores(build(popularity=w), params, world) for w in (0.0, 0.5))
    hot = world.catalogue.n_hot
    assert hot < len(world.catalogue)
    assert torch.allclose(weighed[:, :hot] - plain[:, :hot], 0.5 * params["sold"].expand(20, -1), atol=1e-5)
    assert torch.equal(weighed[:, hot:], plain[:, hot:])


def test_without_popularity_nothing_is_counted_and_nothing_changes(world, params) -> None:
    plain = train(build(), world.data, Run("t", 0)).params
    assert params.keys() - plain.keys() == {"sold"}
    assert all(torch.equal(params[name], value) for name, value in plain.items())
    assert torch.equal(scores(build(), params, world), scores(build(), plain, world))
