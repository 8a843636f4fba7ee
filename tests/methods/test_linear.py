"""Neighbours, EASE and content profiles against sums written out on a small shop."""

import numpy as np
import pytest

from muslin import registry
from muslin.data.splits import item_cold
from muslin.features.space import World, encode
from muslin.nets import blend, neighbours
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def world() -> World:
    return encode(item_cold(tiny_shop(), 0, share=0.2).train)


def columns(world: World) -> tuple[blend.Columns, blend.Columns, blend.Weights]:
    """New items, trained ones, and weights that are all one."""
    features = world.catalogue.features
    every = blend.columns(features, blend.inverse_frequency(features.matrix))
    n = world.catalogue.n_hot
    weights = blend.Weights(np.ones(len(every), dtype=np.float32), np.zeros(len(every), dtype=np.float32))
    return every.take(np.arange(n, len(world.catalogue))), every.take(np.arange(n)), weights


def test_the_nearest_are_the_most_alike_and_weigh_by_the_square(world) -> None:
    new, known, weights = columns(world)
    found = neighbours.nearest(new, known, weights, 5).toarray()
    alike = blend.blended(new, known, weights)
    for row, likeness in zip(found, alike, strict=True):
        inside = np.flatnonzero(row)
        assert len(inside) <= 5
        assert likeness[inside].min() >= np.sort(likeness)[-5] - 1e-6
        expected = np.maximum(likeness[inside], 0) ** 2
        np.testing.assert_allclose(row[inside], expected / expected.sum(), rtol=1e-5)


def test_an_item_is_not_its_own_neighbour(world) -> None:
    _, known, weights = columns(world)
    rows = np.arange(10)
    found = neighbours.nearest(known.take(rows), known, weights, 5, own=rows).toarray()
    assert (found[rows, rows] == 0).all()
    assert (neighbours.nearest(known.take(rows), known, weights, 5).toarray()[rows, rows] > 0).all()


def test_item_neighbours_are_cosines_of_buyers_who_count_less_the_more_they_take(world) -> None:
    method = registry.build("item_knn", registry.entry("item_knn").config(shrinkage=0.0, nearest=10_000))
    bought = world.data.matrix().sign().toarray().astype(np.float64)
    counts = 1 / np.log(np.e + bought.sum(axis=1))
    dot = bought.T @ (counts[:, None] * bought)
    cosine = dot / np.sqrt(np.outer(np.diag(dot), np.diag(dot)))
    np.fill_diagonal(cosine, 0)
    users, items = (
        world.users(world.shoppers.ids[:20].tolist()),
        world.items(world.catalogue.ids[: world.catalogue.n_hot].tolist()),
    )
    found = method.score(method.init(world.data, 0), users, items).numpy()
    np.testing.assert_allclose(found, bought[:20] @ cosine, rtol=1e-4, atol=1e-5)


def test_a_new_garment_stands_in_for_the_known_ones_it_is_like_themselves_included(world) -> None:
    method = registry.build("item_knn", registry.entry("item_knn").config(content=7, own=0.6))
    params, n = method.init(world.data, 0), world.catalogue.n_hot
    users = world.users(world.shoppers.ids[:20].tolist())
    known = method.score(params, users, world.items(world.catalogue.ids[:n].tolist())).numpy()
    new = world.items(world.catalogue.ids[n:].tolist())
    every, weights = _blend(world, params)
    near = neighbours.nearest(every.take(new.rows), every.take(np.arange(n)), weights, 7).toarray()
    taken = users.history[:, :n].toarray() > 0
    np.testing.assert_allclose(method.score(params, users, new), (known + 0.6 * taken) @ near.T, rtol=1e-4, atol=1e-5)


def test_ease_maps_content_to_what_it_expects_of_new_garments(world) -> None:
    """With all directions of the content, the map is the plain ridge regression of scores on weighted columns."""
    method = registry.build("ease", registry.entry("ease").config(keep=10_000, directions=10_000, own=0.4))
    params, n = method.init(world.data, 0), world.catalogue.n_hot
    every, weights = _blend(world, params)
    content = every.content.toarray().astype(np.float64) * np.sqrt(weights.weight / weights.weight.sum())[every.owner]
    users = world.users(world.shoppers.ids[:20].tolist())
    known = method.score(params, users, world.items(world.catalogue.ids[:n].tolist())).double().numpy()
    known += 0.4 * (users.history[:, :n].toarray() > 0)
    new = method.score(params, users, world.items(world.catalogue.ids[n:].tolist())).numpy()
    left = content[:n].T @ content[:n] + method.config.map_penalty * np.eye(content.shape[1])
    ridge = np.linalg.solve(left, content[:n].T @ known.T)
    np.testing.assert_allclose(new, (content[n:] @ ridge).T, rtol=1e-3, atol=1e-4)


def test_scores_are_in_units_of_the_shopper(world) -> None:
    """Twice the events of the same kind: the same spread, so nobody's scores drown another part of the blend."""
    method = registry.build("ease_content", registry.entry("ease_content").config(known=0.0))
    params = method.init(world.data, 0)
    users, sample = world.users(world.shoppers.ids[:50].tolist()), params["sample"].numpy()
    scores = method.score(params, users, world.items(world.catalogue.ids[sample].tolist())).numpy()
    np.testing.assert_allclose(scores.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(scores.std(axis=1), 1, atol=1e-4)


def test_smoothing_helps_where_content_alone_is_silent(world) -> None:
    """A weight of zero leaves the raw likeness of new garments; EASE moves them otherwise."""
    entry = registry.entry("ease_content")
    raw, both = (registry.build("ease_content", entry.config(smoothed=s)) for s in (0.0, 1.0))
    users, n = world.users(world.shoppers.ids[:20].tolist()), world.catalogue.n_hot
    new = world.items(world.catalogue.ids[n:].tolist())
    params = raw.init(world.data, 0)
    first, second = raw.score(params, users, new).numpy(), both.score(params, users, new).numpy()
    every, weights = _blend(world, params)
    likeness = blend.blended(every.profile(users.history.sign()), every.take(new.rows), weights)
    order = [np.corrcoef(a, b)[0, 1] for a, b in zip(first, likeness, strict=True)]
    np.testing.assert_allclose(order, 1.0, atol=1e-4)
    assert not np.allclose(first, second)


def _blend(world: World, params) -> tuple[blend.Columns, blend.Weights]:
    every = blend.columns(world.catalogue.features, params["idf"].numpy())
    return every, blend.Weights(params["weight"].numpy(), params["usual"].numpy())
