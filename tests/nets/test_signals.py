"""Signals and their weights, beside their definitions."""

import numpy as np
import pytest
import torch

from muslin import registry
from muslin.data.splits import item_cold
from muslin.features.append import keeping
from muslin.features.space import World, encode
from muslin.nets import neighbours, prior, signals, stored
from muslin.testing.worlds import tiny_shop
from muslin.types import Items, Params

SHAPE = prior.Shape(penalty=50.0, keep=300, neighbours=30, smoothed=0.0, known=0.0)


@pytest.fixture(scope="module")
def world() -> World:
    return encode(item_cold(tiny_shop(), 0).train)


@pytest.fixture(scope="module")
def params(world) -> Params:
    entry = registry.entry("muslin")
    return entry.build(entry.config(dimensions=16)).init(world.data, 0)


def test_logits_are_the_weighed_sum_on_each_side_by_length_of_history(world, params) -> None:
    rng = torch.Generator().manual_seed(0)
    params = params | {"mix": torch.randn(2, 2, len(signals.NAMES), generator=rng)}
    users, items = world.users([*world.shoppers.ids[:6], "a stranger"]), world.items()
    found = signals.mixed(params, users, items, SHAPE)
    each = np.stack(list(signals.each(params, users, items, SHAPE)))
    length = np.diff(users.history.indptr)
    for user in range(7):
        for item in (0, 3, len(items) - 1):
            weight = params["mix"][int(items.rows[item] >= world.catalogue.n_hot)].numpy()
            expected = (weight[0] + weight[1] / (1 + length[user])) @ each[:, user, item]
            assert found[user, item] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_each_signal_is_in_units_of_the_sample(world, params) -> None:
    sample = world.items(world.catalogue.ids[params["sample"].numpy()].tolist())
    users = world.users(world.shoppers.ids[:6].tolist())
    alike, _expected, _together, taste, *_ = signals.each(params, users, sample, SHAPE)
    for signal in (alike, taste):
        np.testing.assert_allclose(signal.mean(axis=1), 0, atol=1e-4)
        np.testing.assert_allclose(signal.std(axis=1), 1, atol=1e-3)


def test_together_is_what_others_took_beside_it_and_what_that_is_like_of_new_items(world, params) -> None:
    n, users, items = world.catalogue.n_hot, world.users(world.shoppers.ids[:8].tolist()), world.items()
    found = list(signals.each(params, users, items, SHAPE))[signals.NAMES.index("together")]
    taken = (users.history[:, :n].toarray() > 0).astype(np.float32)
    beside = taken @ stored.matrix(params, "knn", n).toarray()
    new = items.rows[items.rows >= n]
    near = neighbours.of_new(items.catalogue.features, params, n, SHAPE.neighbours, new)
    wanted = np.concatenate([beside, (beside + taken) @ near.near.toarray()[near.place].T], axis=1)
    for side in (slice(0, n), slice(n, None)):
        for row, expected in zip(found[:, side], wanted[:, side], strict=True):
            assert np.ptp(expected) > 0
            order = np.argsort(expected, kind="stable")
            assert (np.diff(row[order]) >= -1e-4).all()  # the same order, in other units
            assert row[order[-1]] > row[order[0]]


def test_new_items_have_sold_what_an_average_one_has(world, params) -> None:
    *_, sold = signals.each(params, world.users(world.shoppers.ids[:1].tolist()), world.items(), SHAPE)
    n = world.catalogue.n_hot
    assert not sold[0, n:].any()
    count = np.asarray(world.data.matrix().getnnz(axis=0))
    assert (np.argsort(sold[0, :n], kind="stable") == np.argsort(count, kind="stable")).all()


@pytest.mark.parametrize("looks", [False, True])
@pytest.mark.parametrize("count", [1, 3, 70])
def test_a_kept_catalogue_and_few_shoppers_take_another_way_to_the_same(world, looked, looks, count) -> None:
    """Products by feature, rows added up one by one, parts kept: nothing of it may be seen in a signal."""
    entry = registry.entry("muslin")
    shop = encode(item_cold(looked, 0).train) if looks else world
    taught = entry.build(entry.config(dimensions=16)).init(shop.data, 0)
    names = [*shop.shoppers.ids[: count - 1], "a stranger"] if count > 1 else [shop.shoppers.ids[2]]
    users, kept = shop.users(names), keeping(shop)
    last = len(shop.catalogue) - 1
    for rows in (np.arange(last + 1), np.array([last]), np.array([0, 7, last - 3, last])):
        plain = signals.each(taught, users, Items(shop.catalogue, rows), SHAPE)
        other = signals.each(taught, users, Items(kept.catalogue, rows), SHAPE)
        for name, one, two in zip(signals.NAMES, plain, other, strict=True):
            np.testing.assert_allclose(two, one, atol=2e-4, err_msg=name)
