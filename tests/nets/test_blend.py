"""Blended cosines against a loop, and planted worlds whose weights are known."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from scipy.optimize import check_grad, minimize

from muslin.features.dense import unit
from muslin.features.space import encode
from muslin.nets import blend
from muslin.nets.blend import Weights
from muslin.testing.worlds import tiny_shop
from muslin.types import Dense, Features


@pytest.fixture(scope="module")
def world():
    return encode(tiny_shop(items=200, users=300, events=4000))


def with_dense(world, *added):
    """The world's training data with more embedding columns."""
    features = world.data.catalogue.features
    features = Features(features.matrix, features.blocks, tuple(Dense(f"d{n}", v) for n, v in enumerate(added)))
    return replace(world.data, catalogue=replace(world.data.catalogue, features=features))


def noise(rows, width=32, seed=0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32))


def columns_of(data) -> blend.Columns:
    features = data.catalogue.features
    return blend.columns(features, blend.inverse_frequency(features.matrix))


def test_scores_are_the_sum_of_column_cosines(world) -> None:
    n = len(world.data.catalogue)
    dense = noise(n)
    dense[::3] = 0
    data = with_dense(world, dense)
    items = columns_of(data)
    rng = np.random.default_rng(1)
    weights = Weights(rng.random(len(items)).astype(np.float32), rng.random(len(items)).astype(np.float32) / 9)
    history = data.matrix()[:9].sign()
    found = blend.blended(items.profile(history), items, weights)
    features, expected = data.catalogue.features, np.zeros((9, n))
    idf = np.log((1 + n) / (1 + np.asarray(features.matrix.getnnz(axis=0))))
    parts = [features.matrix.toarray()[:, b.start : b.stop] * idf[b.start : b.stop] for b in features.blocks]
    for place, part in enumerate([*parts, dense]):
        unit = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
        taste = history.toarray() @ unit
        taste /= np.maximum(np.linalg.norm(taste, axis=1, keepdims=True), 1e-12)
        both = np.outer(taste.any(axis=1), unit.any(axis=1))
        expected += weights.weight[place] * (taste @ unit.T - weights.usual[place] * both)
    assert np.allclose(found, expected, atol=1e-4)


def test_what_decides_gets_weight_and_noise_gets_none(world) -> None:
    """Shoppers of the tiny shop choose by kind and colour; prices, the embedding and a copy of nothing are noise."""
    data = with_dense(world, noise(len(world.data.catalogue)))
    names = [*(b.name for b in data.catalogue.features.blocks), "d0"]
    weight = dict(zip(names, blend.learned(data, columns_of(data), 0).weight, strict=True))
    assert weight["d0"] == 0
    assert weight["price"] < 0.3
    decisive = weight["kind"] + weight["department"] + weight["title"] + weight["colour"] + weight["tags"]
    assert decisive > 3


def test_an_embedding_of_what_decides_is_worth_more_than_its_noise(world) -> None:
    kind = world.data.catalogue.category[:, 1]
    shown = unit(np.eye(kind.max() + 1, dtype=np.float32)[kind] + 0.3 * noise(len(kind), kind.max() + 1))
    data = with_dense(world, shown, noise(len(kind)))
    bare = replace(data.catalogue.features, matrix=sp.csr_matrix((len(kind), 0), dtype=np.float32), blocks=())
    data = replace(data, catalogue=replace(data.catalogue, features=bare))
    weights = blend.learned(data, columns_of(data), 0)
    assert weights.weight[0] > 1.0
    assert weights.weight[1] < 0.02 * weights.weight[0]


def test_a_garment_that_lacks_a_column_is_neither_near_nor_far_there(world) -> None:
    data = world.data
    items = columns_of(data)
    weights = blend.learned(data, items, 0)
    profiles = items.profile(data.matrix().sign())
    place = [b.name for b in data.catalogue.features.blocks].index("colour")
    without = items.content.tolil()
    without[:, np.flatnonzero(items.owner == place)] = 0
    bare = replace(items, content=sp.csr_matrix(without))
    bare.content.eliminate_zeros()
    change = blend.blended(profiles, bare, weights) - blend.blended(profiles, items, weights)
    assert abs(change.mean()) < 0.15 * abs(change).mean()


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    lead = rng.normal(size=(40, 9, 5))
    offset = rng.normal(size=(40, 9))
    point = rng.random(5)
    # Double precision in the loss itself, so that differences mean something.
    error = check_grad(
        lambda w: blend._loss(w, lead, offset)[0], lambda w: blend._loss(w, lead, offset)[1], point, epsilon=1e-3
    )
    assert error < 1e-3


def test_errors_are_those_of_the_estimate_over_many_worlds() -> None:
    """A planted conditional logit: the spread of the estimates is what each says of itself."""
    truth, found, said = np.array([1.5, 0.5, 1.0]), [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        features = rng.normal(size=(300, 12, 3)) * [1.0, 0.5, 0.2]
        gumbel = rng.gumbel(size=(300, 12))
        chosen = (features @ truth + gumbel).argmax(axis=1)
        target = features[np.arange(300), chosen]
        lead = (features - target[:, None]).astype(np.float32)
        offset = np.where(np.arange(12) == chosen[:, None], -1e9, 0).astype(np.float32)
        fit = minimize(blend._loss, np.ones(3), (lead, offset), jac=True, method="L-BFGS-B")
        found.append(fit.x)
        said.append(blend._errors(fit.x, lead, offset))
    assert np.allclose(np.std(found, axis=0), np.mean(said, axis=0), rtol=0.3)


def test_what_chance_would_do_as_well_is_nothing() -> None:
    shrunk = blend._shrunk(np.array([1.0, 0.19, 0.0, 2.0]), np.array([0.1, 0.1, 0.1, 1e-6]))
    assert np.allclose(shrunk, [0.96, 0.0, 0.0, 2.0])


def test_nobody_to_learn_from_leaves_all_columns_alike() -> None:
    shop = tiny_shop()
    data = encode(shop.with_events(shop.events.unique("user_id", keep="first", maintain_order=True))).data
    found = blend.learned(data, columns_of(data), 0)
    assert (found.weight == 1).all()
    assert not found.usual.any()


NOTHING = {"categorical": (), "multi": (), "text": (), "numeric": (), "category": (), "price": None, "title": None}


def described(shop, *columns):
    """The shop with these categorical columns and no others."""
    roles = replace(shop.schema.items, **{**NOTHING, "categorical": columns})
    return encode(replace(shop, schema=replace(shop.schema, items=roles))).data


def test_columns_that_say_the_same_do_not_erase_each_other() -> None:
    shop = tiny_shop(items=200, users=250, events=1000)
    shop = replace(shop, items=shop.items.with_columns(hue=pl.col("colour"), shade=pl.col("colour")))
    once, more = described(shop, "kind", "colour"), described(shop, "kind", "colour", "hue", "shade")
    single, several = (blend.learned(data, columns_of(data), 0).weight for data in (once, more))
    assert several[1:].sum() == pytest.approx(float(single[1]), rel=0.15)
    assert several[0] == pytest.approx(float(single[0]), rel=0.15)


def test_popularity_is_taken_out_by_how_alternatives_were_drawn() -> None:
    """Everybody draws from all garments alike, popular ones more often: no column says what a shopper wants."""
    rng = np.random.default_rng(0)
    shop = tiny_shop(items=120, users=900, events=9000)
    odds = np.where(np.arange(120) < 20, 9.0, 1.0)
    drawn = shop.items["item_id"].gather(rng.choice(120, size=9000, p=odds / odds.sum()))
    items = shop.items.with_columns(family=pl.col("item_id"), kind=pl.Series(np.where(odds > 1, "popular", "rare")))
    data = described(replace(shop, items=items, events=shop.events.with_columns(drawn)), "kind", "colour")
    (example, *_) = blend._examples(data, columns_of(data), 0)
    buyers = data.matrix().getnnz(axis=0)
    rare = np.log(np.sqrt(buyers[odds[: len(buyers)] == 1]).mean())
    popular = np.log(np.sqrt(buyers[odds[: len(buyers)] > 1]).mean())
    # A rare target against popular alternatives, which were drawn too often: they count for less.
    against = example.offset[example.offset > -1e8]
    assert against.min() == pytest.approx(rare - popular, abs=0.4)
    assert against.max() == pytest.approx(popular - rare, abs=0.4)
    assert (example.offset < -1e8).any()


def test_a_catalogue_that_describes_nothing_has_no_weights() -> None:
    data = described(tiny_shop(items=60, users=60, events=400))
    assert len(blend.learned(data, columns_of(data), 0).weight) == 0
