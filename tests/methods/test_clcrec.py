"""CLCRec against its score and its losses written out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from muslin import registry
from muslin.data.splits import item_cold
from muslin.features.space import World, encode
from muslin.method import Fitted
from muslin.testing.worlds import tiny_shop
from muslin.train.loop import Run, train


@pytest.fixture(scope="module")
def world() -> World:
    return encode(item_cold(tiny_shop(), 0, share=0.2).train)


@pytest.fixture(scope="module")
def fit(world) -> Fitted:
    method = registry.build("clcrec")
    return Fitted(method, train(method, world.data, Run("clcrec", 0, epochs=2)).params)


def unit(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)


def described(world: World, p: dict[str, np.ndarray]) -> np.ndarray:
    """Content vectors of the whole catalogue."""
    content = unit(world.catalogue.features.matrix.multiply(p["idf"][None, :]).toarray())
    hidden = content @ p["content/sparse"] + p["bias"]
    return unit(np.where(hidden > 0, hidden, 0.01 * hidden) @ p["out"])


def double(params) -> dict[str, np.ndarray]:
    return {k: v.double().numpy() for k, v in params.items()}


def test_known_garments_are_their_own_vectors_and_new_ones_their_content(world, fit) -> None:
    p = double(fit.params)
    vectors = described(world, p)
    vectors[: world.catalogue.n_hot] = unit(p["item"])
    users = world.users(world.shoppers.ids[:10].tolist())
    bought = users.history.toarray() > 0
    mean = bought @ vectors / bought.sum(axis=1, keepdims=True)
    for shoppers, taste in ((users, mean + p["user"][:10]), (replace(users, rows=np.full(10, -1)), mean)):
        found = fit.method.score(fit.params, shoppers, world.items()).numpy()
        expected = unit(taste) @ vectors.T / fit.method.config.temperature
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["shopper and garment", "content and collaborative"])
def test_either_contrast_is_the_one_written_out_by_hand(world, share) -> None:
    config = registry.entry("clcrec").config(content_share=share, penalty=0.0)
    method = registry.build("clcrec", config)
    params = method.init(world.data, 0)
    params["user"] = torch.randn(params["user"].shape, generator=torch.Generator().manual_seed(0))
    batch, p = next(iter(method.batches(world.data, 0, 0))), double(params)
    pairs, content, own = batch.pairs, described(world, p)[batch.pairs.items], unit(p["item"])[batch.pairs.items]
    mixed = np.where(batch.replaced[:, None] > 0, content, own)
    taste = unit(pairs.history.toarray() @ mixed + batch.user_kept[:, None] * p["user"][pairs.user])
    same = pairs.target[:, None] == pairs.negative[None, :]
    query, table, out = (own[pairs.target], content, same) if share else (taste, mixed, pairs.taken)
    every = query @ table.T / config.temperature
    target = every[np.arange(len(query)), pairs.target]
    others = np.where(out, -np.inf, every[:, pairs.negative])
    expected = (logsumexp(np.column_stack([target, others]), axis=1) - target).mean()
    assert method.step(params, batch)[1]["loss"] == pytest.approx(expected, rel=1e-4)


def test_the_contrast_pulls_content_and_collaborative_vectors_together(world, fit) -> None:
    n = world.catalogue.n_hot

    def agreement(params) -> float:
        p = double(params)
        return float((described(world, p)[:n] * unit(p["item"])).sum(axis=1).mean())

    assert abs(agreement(fit.method.init(world.data, 0))) < 0.1
    assert agreement(fit.params) > 0.2


def test_the_share_of_replaced_garments_is_the_one_asked_for(world) -> None:
    method = registry.build("clcrec")
    replaced = np.concatenate([b.replaced for b in method.batches(world.data, 0, 0)])
    assert replaced.mean() == pytest.approx(method.config.replaced, abs=0.05)
