import numpy as np
import polars as pl
import torch

from muslin import registry
from muslin.features.space import encode
from muslin.scoring import paths, score, silent
from muslin.testing.worlds import tiny_shop


def test_silent_shoppers_get_the_popularity_order(shop) -> None:
    world = encode(shop)
    method = registry.build("content_knn")
    users = world.users(["nobody", world.shoppers.ids[0]])
    found = score(method, method.init(world.data, 0), world.popularity, users, world.items())
    assert found.fallback.tolist() == [True, False]
    assert np.array_equal(found.scores[0].numpy(), world.popularity)
    assert not torch.equal(found.scores[0], found.scores[1])


def test_a_profile_or_an_event_breaks_the_silence(shop) -> None:
    world = encode(tiny_shop(users=400, events=500))
    cold = world.shoppers.ids[world.shoppers.n_hot :].tolist()
    assert cold
    support = world.dataset.events.head(1).with_columns(user_id=pl.lit("nobody"))
    assert silent(world.users([cold[0], "nobody", "nobody else"], support)).tolist() == [False, False, True]


def test_evidence_a_method_does_not_read_leaves_the_shopper_silent() -> None:
    world = encode(tiny_shop(users=400, events=500))
    users = world.users([world.shoppers.ids[world.shoppers.n_hot]])
    assert users.features.nnz
    assert silent(users, {"history"}).tolist() == [True]
    assert paths(registry.build("content_knn"), users, world.items()).ravel()[0] == "fallback"
    method = registry.build("content_knn")
    found = score(method, method.init(world.data, 0), world.popularity, users, world.items())
    assert np.array_equal(found.scores[0].numpy(), world.popularity)


def test_a_method_that_treats_all_alike_is_never_replaced(shop) -> None:
    world = encode(shop)
    method = registry.build("random")
    users = world.users(["nobody"])
    found = score(method, method.init(world.data, 0), world.popularity, users, world.items())
    assert not found.fallback.any()
    assert found.scores.max() < 1
    assert set(paths(method, users, world.items()).ravel()) == {"fallback"}


def test_paths_say_what_an_answer_rests_on() -> None:
    world = encode(tiny_shop(items=400, users=400, events=500))
    n_hot, cold = world.catalogue.n_hot, world.shoppers.ids[world.shoppers.n_hot]
    assert n_hot < len(world.catalogue)
    support = world.dataset.events.head(1).with_columns(user_id=pl.lit("newcomer"))
    users = world.users([world.shoppers.ids[0], "newcomer", cold, "nobody"], support)
    items = world.items([world.catalogue.ids[0], world.catalogue.ids[n_hot]])
    method = registry.build("two_tower")
    assert paths(method, users, items).tolist() == [
        ["hot", "cold"],
        ["warming", "cold"],
        ["cold", "cold"],
        ["fallback", "fallback"],
    ]
