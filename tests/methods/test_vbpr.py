"""VBPR against its score and its loss written out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

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
    method = registry.build("vbpr")
    return Fitted(method, train(method, world.data, Run("vbpr", 0, epochs=2)).params)


def garments(world: World, p: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors and biases of the whole catalogue; zeros for what a new garment has not."""
    content = world.catalogue.features.matrix.multiply(p["idf"][None, :]).toarray()
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    own, bias = np.zeros((len(content), p["item"].shape[1])), np.zeros(len(content))
    own[: len(p["item"])], bias[: len(p["item"])] = p["item"], p["bias"][:, 0]
    vectors = np.hstack([own, content @ p["content/sparse"]])
    return vectors, bias + (content @ p["content_bias/sparse"])[:, 0]


def test_scores_are_those_written_out_by_hand(world, fit) -> None:
    p = {k: v.double().numpy() for k, v in fit.params.items()}
    vectors, bias = garments(world, p)
    users = world.users(world.shoppers.ids[:10].tolist())
    bought = users.history.toarray() > 0
    mean = bought @ vectors / bought.sum(axis=1, keepdims=True)
    for shoppers, taste in ((users, mean + p["user"][:10]), (replace(users, rows=np.full(10, -1)), mean)):
        found = fit.method.score(fit.params, shoppers, world.items()).numpy()
        np.testing.assert_allclose(found, taste @ vectors.T + bias, rtol=1e-3, atol=1e-3)


def test_the_loss_is_that_of_the_paper(world) -> None:
    method = registry.build("vbpr", registry.entry("vbpr").config(penalty=0.0))
    params = method.init(world.data, 0)
    p = {k: v.double().numpy() for k, v in params.items()}
    batch = next(iter(method.batches(world.data, 0, 0)))
    pairs = batch.pairs
    vectors, bias = garments(world, p)
    vectors, bias = vectors[pairs.items], bias[pairs.items]
    taste = pairs.history.toarray() @ vectors + batch.user_kept[:, None] * p["user"][pairs.user]
    every = taste @ vectors.T + bias
    gaps = every[np.arange(len(pairs.target)), pairs.target][:, None] - every[:, pairs.negative]
    expected = np.log1p(np.exp(-gaps))[~pairs.taken].mean()
    assert method.step(params, batch)[1]["loss"] == pytest.approx(expected, rel=1e-4)


def test_new_garments_have_content_only(world, fit) -> None:
    """Vectors of garments as such move known garments' scores for a shopper without history, never a new one's."""
    n = world.catalogue.n_hot
    users = world.users(world.shoppers.ids[:5].tolist())
    users = replace(users, history=users.history * 0)
    other = {**fit.params, "item": torch.ones_like(fit.params["item"]), "bias": fit.params["bias"] + 1}
    before, after = (fit.method.score(p, users, world.items()) for p in (fit.params, other))
    assert torch.equal(before[:, n:], after[:, n:])
    assert not torch.isclose(before[:, :n], after[:, :n]).any()
