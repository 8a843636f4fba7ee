"""A blind method is exactly the method on a dataset that never had the columns."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from muslin import registry
from muslin.features.space import encode
from muslin.method import Adaptable, Calibrated, Examined, Rehearsed, Trainable, Uncertain
from muslin.recipes.blind import Hidden, blinded
from muslin.recipes.fit import Recipe, fit_world
from muslin.testing.worlds import tiny_shop
from muslin.types import Items, Support


def without(dataset, items, users):
    roles, people = dataset.schema.items, dataset.schema.users
    fewer = replace(
        roles, **{kind: tuple(c for c in getattr(roles, kind) if c not in items) for kind in ("categorical", "text")}
    )
    people = replace(people, categorical=tuple(c for c in people.categorical if c not in users))
    return replace(dataset, schema=replace(dataset.schema, items=fewer, users=people))


OPTIONS = {
    "two_tower": {"epochs": 2, "dimensions": 8},
    "muslin": {"epochs": 2, "dimensions": 8},
    "anil": {"epochs": 1},
}


@pytest.mark.parametrize("method", ["content_knn", "ials", "popularity_segment", *OPTIONS])
def test_hiding_is_the_same_as_never_having(method) -> None:
    shop = tiny_shop(items=80, users=90, events=700)
    hidden = Hidden(items=frozenset({"colour", "title"}), profile=frozenset({"favourite"}))
    options = OPTIONS.get(method, {})
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


def test_it_learns_from_first_events_what_the_method_learns_without_the_columns() -> None:
    shop = tiny_shop(items=80, users=90, events=700)
    hidden = Hidden(items=frozenset({"colour", "title"}))
    world, plain = encode(shop), encode(without(shop, hidden.items, frozenset()))
    method = registry.build("gp_residual")
    blind, news = blinded(method, hidden, world.shoppers.features), sp.csr_matrix(np.ones((3, 1), dtype=np.float32))
    found = []
    for each, seen in ((blind, world), (method, plain)):
        people, new = seen.users(seen.shoppers.ids[:3].tolist()), seen.items(seen.catalogue.ids[:1].tolist())
        assert isinstance(each, Adaptable)
        adapted = each.adapt(each.init(seen.data, 0), Support(people, new, news))
        found.append(each.score(adapted, seen.users(seen.shoppers.ids[:20].tolist()), seen.items()))
    assert np.allclose(*found, atol=1e-5)


def test_it_can_do_what_the_method_can_and_no_more() -> None:
    world = encode(tiny_shop())
    hidden = Hidden(items=frozenset({"kind"}))
    for name in ("content_knn", "two_tower", "muslin", "anil", "prior_knn", "gp_residual"):
        method = registry.build(name)
        blind = blinded(method, hidden, world.shoppers.features)
        for can in (Trainable, Examined, Rehearsed, Adaptable, Calibrated, Uncertain):
            assert isinstance(blind, can) == isinstance(method, can)
