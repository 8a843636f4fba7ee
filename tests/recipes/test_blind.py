"""A blind method is exactly the method on a dataset that never had the columns."""

from dataclasses import replace

import numpy as np
import pytest

from muslin import registry
from muslin.features.space import encode
from muslin.method import Trainable
from muslin.recipes.blind import Hidden, blinded
from muslin.recipes.fit import Recipe, fit_world
from muslin.testing.worlds import tiny_shop
from muslin.types import Items


def without(dataset, items, users):
    roles, people = dataset.schema.items, dataset.schema.users
    fewer = replace(
        roles, **{kind: tuple(c for c in getattr(roles, kind) if c not in items) for kind in ("categorical", "text")}
    )
    people = replace(people, categorical=tuple(c for c in people.categorical if c not in users))
    return replace(dataset, schema=replace(dataset.schema, items=fewer, users=people))


@pytest.mark.parametrize("method", ["content_knn", "two_tower", "ials", "popularity_segment"])
def test_hiding_is_the_same_as_never_having(method) -> None:
    shop = tiny_shop(items=80, users=90, events=700)
    hidden = Hidden(items=frozenset({"colour", "title"}), profile=frozenset({"favourite"}))
    options = {"epochs": 2, "dimensions": 8} if method == "two_tower" else {}
    world, plain = encode(shop), encode(without(shop, hidden.items, hidden.profile))
    blind = fit_world(Recipe(method=method, options=options, hidden=hidden), world, 0)
    never = fit_world(Recipe(method=method, options=options), plain, 0)
    users = world.shoppers.ids[:20].tolist()
    read = blind.method.evidence
    scores = blind.method.score(blind.params, world.users(users, evidence=read), world.items())
    expected = never.method.score(never.params, plain.users(users, evidence=read), plain.items())
    assert np.allclose(scores, expected, atol=1e-5)
    seeing = fit_world(Recipe(method=method, options=options), world, 0)
    whole = seeing.method.score(seeing.params, world.users(users, evidence=read), world.items())
    assert not np.allclose(scores, whole, rtol=1e-3, atol=1e-5)


def test_a_method_without_any_profile_does_not_claim_to_read_one() -> None:
    world = encode(tiny_shop())
    method = registry.build("two_tower")
    assert blinded(method, Hidden(), world.shoppers.features) is method
    blind = blinded(method, Hidden(profile=frozenset({"age", "favourite"})), world.shoppers.features)
    assert blind.evidence == {"history"}
    assert isinstance(blind, Trainable)
    knn = blinded(registry.build("content_knn"), Hidden(items=frozenset({"kind"})), world.shoppers.features)
    assert not isinstance(knn, Trainable)
    catalogue = world.catalogue
    assert knn.score(knn.init(world.data, 0), world.users(["u0001"]), Items(catalogue, np.arange(3))).shape == (1, 3)
