"""What each method computes, against the plain formula."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from muslin import registry
from muslin.data.splits import item_cold
from muslin.features.space import encode
from muslin.nets import tower as item_tower
from muslin.testing.worlds import tiny_shop
from muslin.types import Dense, Features


@pytest.fixture(scope="module")
def world():
    return encode(item_cold(tiny_shop(), 0).train)


def idf(world) -> np.ndarray:
    features = world.data.catalogue.features.matrix.toarray()
    return np.log((1 + len(features)) / (1 + (features != 0).sum(axis=0)))


def unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


def test_content_knn_is_the_cosine_of_idf_weighted_sums(world) -> None:
    method = registry.build("content_knn")
    users = world.users(world.shoppers.ids[:12].tolist())
    found = method.score(method.init(world.data, 0), users, world.items()).numpy()
    content = unit(world.catalogue.features.matrix.toarray() * idf(world))
    profile = unit((users.history.toarray() > 0) @ content)
    assert np.allclose(found, profile @ content.T, atol=1e-5)


def test_either_side_made_dense_gives_the_same(world) -> None:
    method = registry.build("content_knn")
    params = method.init(world.data, 0)
    users, few = world.users(world.shoppers.ids[:40].tolist()), world.catalogue.ids[:3].tolist()
    whole = method.score(params, users, world.items())
    assert torch.allclose(method.score(params, users, world.items(few)), whole[:, :3])
    for n, name in enumerate(world.shoppers.ids[:40].tolist()):  # one who comes alone is scored in a way of its own
        alone = world.users([name])
        assert torch.allclose(method.score(params, alone, world.items()), whole[[n]], atol=1e-6)
        assert torch.allclose(method.score(params, alone, world.items(few)), whole[[n], :3], atol=1e-6)


def test_a_category_without_count_of_its_own_leans_on_the_coarser_one(world) -> None:
    entry = registry.entry("popularity_category")
    method = entry.build(entry.config(shrinkage=4.0))
    score = method.score(method.init(world.data, 0), world.users(["anyone"]), world.items()).numpy()[0]
    n, category, count = world.catalogue.n_hot, world.catalogue.category, world.popularity
    assert np.allclose(score[:n], count[:n])
    for row in range(n, len(world.catalogue)):
        expected = count[:n].mean()
        for level in range(category.shape[1]):
            same = (category[:n, level] == category[row, level]) & (category[row, level] >= 0)
            if same.any():
                expected = (count[:n][same].sum() + 4.0 * expected) / (same.sum() + 4.0)
        assert score[row] == pytest.approx(expected, rel=1e-4)


@pytest.fixture
def tower(world):
    entry = registry.entry("two_tower")
    method = entry.build(entry.config(dimensions=8, batch_size=64, negatives=32))
    params = method.init(world.data, 0)
    generator = torch.Generator().manual_seed(1)
    for name in ("bias", "profile"):
        params[name] = 0.3 * torch.randn(params[name].shape, generator=generator)
    return method, params


def tower_vectors(world, params) -> tuple[np.ndarray, np.ndarray]:
    content = world.catalogue.features.matrix.toarray() * idf(world)
    return unit(content @ params["item"].numpy()), (content @ params["bias"].numpy())[:, 0]


def test_two_tower_scores_are_the_formula(world, tower) -> None:
    method, params = tower
    item, bias = tower_vectors(world, params)
    users = world.users([*world.shoppers.ids[:12].tolist(), "nobody"])
    history = users.history.toarray() > 0
    taste = unit(history @ item) + users.features.toarray() @ params["profile"].numpy()
    expected = np.exp(params["log_scale"].numpy()) * taste @ item.T + bias
    assert np.allclose(method.score(params, users, world.items()).numpy(), expected, atol=1e-3)


def test_two_tower_loss_is_the_corrected_softmax(world, tower) -> None:
    """The logit of each item less the log of how often it is drawn, target and negatives alike."""
    method, params = tower
    batch = next(iter(method.batches(world.data, 0, 0)))
    pairs, (item, bias) = batch.pairs, tower_vectors(world, params)
    history = np.zeros((len(pairs.user), len(world.catalogue)))
    history[:, pairs.items] = pairs.history.toarray()
    taste = unit(history @ item) + world.data.shoppers.features.matrix[pairs.user].toarray() @ params["profile"].numpy()
    logits = np.exp(params["log_scale"].numpy()) * taste @ item.T + bias
    q = np.sqrt(world.popularity[: world.catalogue.n_hot])
    expected_draws = 32 * q / q.sum()
    losses = []
    for row, (target, taken) in enumerate(zip(pairs.items[pairs.target], pairs.taken, strict=True)):
        drawn = pairs.items[pairs.negative][~taken]
        own = np.exp(logits[row, target]) / expected_draws[target]
        losses.append(-np.log(own / (own + (np.exp(logits[row, drawn]) / expected_draws[drawn]).sum())))
    _, metrics = method.step(params, batch)
    assert metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-3)


def test_embeddings_join_the_items_with_their_weight(world) -> None:
    """With no sparse column known, two items are as alike as their embeddings."""
    vectors = unit(np.random.default_rng(0).normal(size=(5, 6))).astype(np.float32)
    features = Features(sp.csr_matrix((5, 0), dtype=np.float32), (), (Dense("look", vectors),))
    params = {
        "idf": torch.zeros(0),
        "item": torch.zeros(0, 6),
        "bias": torch.zeros(0, 1),
        "length/look": torch.ones(1),
        "dense/look": torch.eye(6),
    }
    item, bias = item_tower.items(params, features)
    assert np.allclose(item.numpy(), vectors, atol=1e-6)
    assert not bias.any()


def test_an_embedding_that_says_nothing_takes_no_part() -> None:
    world = encode(tiny_shop(items=600, users=600, events=8000))
    kind = world.data.catalogue.category[:, 1]
    rng = np.random.default_rng(0)
    look = unit(np.eye(kind.max() + 1)[kind] + 0.3 * rng.normal(size=(len(kind), kind.max() + 1))).astype(np.float32)
    noise = unit(rng.normal(size=(len(kind), 32))).astype(np.float32)
    bare = sp.csr_matrix((len(kind), 0), dtype=np.float32)
    features = Features(bare, (), (Dense("look", look), Dense("noise", noise)))
    data = replace(world.data, catalogue=replace(world.data.catalogue, features=features))
    params = registry.build("two_tower").init(data, 0)
    assert float(params["length/look"]) > 0.5
    assert float(params["length/noise"]) <= 0.3 * float(params["length/look"])


def test_the_content_map_trusts_items_by_the_root_of_their_shoppers(world) -> None:
    method = registry.build("ials")
    params = method.init(world.data, 0)
    content, factors = world.data.catalogue.features.matrix.toarray(), params["item"].numpy().astype(np.float64)
    weight = np.sqrt(world.popularity[: world.catalogue.n_hot])[:, None]
    left = content.T @ (weight * content) + method.config.map_penalty * np.eye(content.shape[1])
    assert np.allclose(params["map"].numpy(), np.linalg.solve(left, content.T @ (weight * factors)), atol=1e-3)


def test_ials_folds_in_what_the_library_would(world) -> None:
    entry = registry.entry("ials")
    config = entry.config(factors=10, alpha=2.0, iterations=4)
    method = entry.build(config)
    params = method.init(world.data, 0)
    users = world.users(world.shoppers.ids[:15].tolist())
    n = world.catalogue.n_hot
    with threadpool_limits(1, "blas"):
        theirs = AlternatingLeastSquares(factors=10, regularization=config.regularization, alpha=1 + config.alpha)
        theirs.item_factors = params["item"].numpy()
        folded = theirs.recalculate_user(np.arange(15), users.history[:, :n].sign())
    ours = method.score(params, users, world.items(world.catalogue.ids[:n].tolist())).numpy()
    assert np.allclose(ours, folded @ params["item"].numpy().T, atol=1e-4)
