"""DropoutNet against its networks written out by hand, and against the factorisation it stands on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from muslin import registry
from muslin.data.schema import Roles
from muslin.data.splits import item_cold
from muslin.features.space import World, encode
from muslin.method import Fitted
from muslin.testing.worlds import tiny_shop
from muslin.train.loop import Run, train
from muslin.types import Users


@pytest.fixture(scope="module")
def world() -> World:
    return encode(item_cold(tiny_shop(), 0, share=0.2).train)


@pytest.fixture(scope="module")
def fit(world) -> Fitted:
    method = registry.build("dropoutnet", registry.entry("dropoutnet").config(learning_rate=0.001))
    return Fitted(method, train(method, world.data, Run("dropoutnet", 0, epochs=8)).params)


def scores(fit: Fitted, users: Users, items) -> np.ndarray:
    with torch.no_grad():
        return fit.method.score(fit.params, users, items).double().numpy()


def unit(matrix) -> np.ndarray:
    dense = matrix.toarray().astype(np.float64)
    length = np.linalg.norm(dense, axis=1, keepdims=True)
    return np.divide(dense, length, out=np.zeros_like(dense), where=length > 0)


def network(p: dict[str, np.ndarray], side: str, given: np.ndarray, features: np.ndarray) -> np.ndarray:
    hidden = np.tanh(given @ p[f"{side}/factors"] + features @ p[f"{side}/content/sparse"] + p[f"{side}/bias"])
    return hidden @ p[f"{side}/out"]


def test_known_and_new_of_both_sides_get_the_inputs_of_the_paper(world, fit) -> None:
    p, c = {k: v.double().numpy() for k, v in fit.params.items()}, fit.method.config
    users, items = world.users(world.shoppers.ids[:10].tolist()), world.items()
    n, table = world.catalogue.n_hot, p["factors/item"]
    bought = users.history.toarray()[:, :n] > 0
    content = unit(world.catalogue.features.matrix.multiply(p["idf"][None, :]))
    withheld = np.zeros((len(world.catalogue), c.factors))
    withheld[:n] = table / p["size"][0]
    garment = network(p, "item", withheld, content)
    profile = unit(users.features)
    solved = [
        np.linalg.solve(
            table.T @ ((1 + c.alpha * own)[:, None] * table) + c.regularization * np.eye(c.factors),
            (1 + c.alpha) * own @ table,
        )
        for own in bought
    ]
    known = network(p, "user", np.stack(solved) / p["size"][1], profile)
    np.testing.assert_allclose(scores(fit, users, items), known @ garment.T, rtol=1e-3, atol=1e-4)
    mean = bought @ table / bought.sum(axis=1, keepdims=True)
    usual = np.sqrt(np.square(table).mean())
    mean /= np.sqrt(np.square(mean).mean(axis=1, keepdims=True)) + 0.05 * usual
    new = network(p, "user", mean, profile)
    strangers = replace(users, rows=np.full(len(users), -1))
    np.testing.assert_allclose(scores(fit, strangers, items), new @ garment.T, rtol=1e-3, atol=1e-4)


def test_untrained_it_ranks_as_the_factorisation_does(world) -> None:
    method = registry.build("dropoutnet")
    params = method.init(world.data, 0)
    users, n = world.users(world.shoppers.ids[:50].tolist()), world.catalogue.n_hot
    found = scores(Fitted(method, params), users, world.items(world.catalogue.ids[:n].tolist()))
    wanted = (params["factors/user"][:50] @ params["factors/item"].T).numpy()
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.7


def test_training_keeps_what_the_factorisation_knows(world, fit) -> None:
    users, n = world.users(world.shoppers.ids[:50].tolist()), world.catalogue.n_hot
    found = scores(fit, users, world.items(world.catalogue.ids[:n].tolist()))
    wanted = (fit.params["factors/user"][:50] @ fit.params["factors/item"].T).numpy()
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.8


def test_without_factors_a_garment_is_scored_much_as_with_them(world, fit) -> None:
    """What the dropout is for: content alone predicts the factorisation's scores of garments."""
    users, n = world.users(world.shoppers.ids.tolist()[: world.shoppers.n_hot]), world.catalogue.n_hot
    items = world.items(world.catalogue.ids[:n].tolist())
    wanted = (fit.params["factors/user"] @ fit.params["factors/item"].T).numpy()
    withheld = {**fit.params, "item/factors": torch.zeros_like(fit.params["item/factors"])}
    found = scores(Fitted(fit.method, withheld), users, items)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.5


def test_the_share_of_withheld_inputs_is_the_one_asked_for(world) -> None:
    method = registry.build("dropoutnet")
    c = method.config
    batches = list(method.batches(world.data, 0, 0))
    kept = np.concatenate([b.item_kept for b in batches]).mean()
    own, averaged = (np.concatenate([getattr(b, n) for b in batches]) for n in ("user_kept", "averaged"))
    assert kept == pytest.approx(1 - c.item_dropout, abs=0.05)
    assert averaged.mean() == pytest.approx(c.user_transform, abs=0.05)
    assert own.mean() == pytest.approx(1 - c.user_transform - c.user_dropout, abs=0.05)
    assert not (own * averaged).any()


def test_a_shopper_without_a_profile_always_keeps_something() -> None:
    shop = tiny_shop()
    world = encode(replace(shop, schema=replace(shop.schema, users=Roles())))
    for batch in registry.build("dropoutnet").batches(world.data, 0, 0):
        assert (batch.user_kept + batch.averaged == 1).all()


def test_every_event_is_a_target_once_an_epoch(world) -> None:
    batches = list(registry.build("dropoutnet").batches(world.data, 0, 0))
    pairs = [tuple(pair) for b in batches for pair in zip(b.user, b.items[b.target], strict=True)]
    matrix = world.data.matrix().tocoo()
    assert sorted(pairs) == sorted(zip(matrix.row, matrix.col, strict=True))
