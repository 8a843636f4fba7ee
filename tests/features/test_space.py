from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from muslin.data.splits import item_cold, user_cold
from muslin.features.space import encode
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def world():
    return encode(item_cold(tiny_shop(), 1).train)


def test_hot_rows_come_first_in_order_of_id(world) -> None:
    hot = set(world.dataset.events["item_id"])
    ids, n = world.catalogue.ids.tolist(), world.catalogue.n_hot
    assert set(ids[:n]) == hot
    assert ids[:n] == sorted(ids[:n])
    assert ids[n:] == sorted(ids[n:])
    assert ids == world.dataset.items["item_id"].to_list()
    assert world.shoppers.ids.tolist() == world.dataset.users["user_id"].to_list()
    assert 0 < n < len(ids)


def test_training_data_holds_the_events_and_nothing_else(world) -> None:
    data, events = world.data, world.dataset.events
    assert len(data.catalogue) == data.catalogue.n_hot == world.catalogue.n_hot
    pairs = {
        (data.shoppers.ids[u], data.catalogue.ids[i]) for u, i in zip(data.events.user, data.events.item, strict=True)
    }
    assert pairs == set(events.select("user_id", "item_id").iter_rows())
    counted = events.group_by("item_id").agg(pl.col("user_id").n_unique())
    for item, count in counted.iter_rows():
        assert world.popularity[world.item_rows([item])[0]] == count
    assert not world.popularity[world.catalogue.n_hot :].any()


def test_vocabularies_do_not_know_cold_items() -> None:
    shop = tiny_shop()
    split = item_cold(shop, 1)
    marked = pl.when(pl.col("item_id").is_in(list(split.cold_items))).then(pl.lit("secret")).otherwise("kind")
    items = shop.items.with_columns(kind=marked)
    world = encode(type(shop)(shop.schema, items, shop.users, split.train.events))
    kind = next(c for c in world.space.items.columns if c.name == "kind")
    assert "secret" not in kind.encoder.values


def test_users_carry_history_profile_and_support(world) -> None:
    known, item = world.dataset.events.select("user_id", "item_id").row(0)
    other = world.catalogue.ids[-1]
    support = pl.DataFrame({"user_id": ["new", known, "absent", "new"], "item_id": [other, other, other, "unknown"]})
    users = world.users([known, "new"], support.with_columns(weight=pl.lit(2.0)))
    row = world.item_rows([item, other])
    assert users.rows.tolist() == [world.user_rows([known])[0], -1]
    assert users.history[:, row].toarray().tolist() == [[5.0, 2.0], [0.0, 2.0]]
    assert users.history[1].nnz == 1
    assert users.features[0].nnz > 0
    assert users.features[1].nnz == 0


def test_a_category_is_its_whole_path() -> None:
    shop = tiny_shop()
    kind = shop.items["kind"].to_list()
    items = shop.items.with_columns(department=pl.Series(["a" if i % 2 else "b" for i in range(len(kind))]))
    items = items.with_columns(kind=pl.lit("same")).with_columns(
        kind=pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise("kind")
    )
    category = encode(type(shop)(shop.schema, items, shop.users, shop.events)).catalogue.category
    assert set(np.unique(category[:, 1])) == {-1, 0, 1}


def test_profile_vocabularies_do_not_know_new_shoppers() -> None:
    shop = tiny_shop()
    split = user_cold(shop, 0, k=1)
    new = set(split.query["user_id"])
    marked = pl.when(pl.col("user_id").is_in(list(new))).then(pl.lit("secret")).otherwise("favourite")
    world = encode(replace(split.train, users=shop.users.with_columns(favourite=marked)))
    favourite = next(c for c in world.space.users.columns if c.name == "favourite")
    assert "secret" not in favourite.encoder.values


def test_a_garment_of_an_unknown_category_shifts_nobodys_code(world) -> None:
    newcomer = world.dataset.items.head(1).with_columns(
        item_id=pl.lit("new"), family=pl.lit("new"), department=pl.lit("aaa"), kind=pl.lit("aaa")
    )
    bigger = encode(replace(world.dataset, items=world.dataset.items.vstack(newcomer)), world.space)
    names = world.catalogue.ids.tolist()
    assert np.array_equal(bigger.catalogue.category[bigger.item_rows(names)], world.catalogue.category)
    assert (bigger.catalogue.category[bigger.item_rows(["new"])] == -1).all()


def test_a_shopper_asked_twice_is_answered_twice(world) -> None:
    support = pl.DataFrame({"user_id": ["s"], "item_id": [world.catalogue.ids[0]], "weight": [1.0]})
    users = world.users(["s", "other", "s"], support)
    assert users.history.toarray()[:, 0].tolist() == [1.0, 0.0, 1.0]


def test_embeddings_are_centred_on_training_rows_and_missing_ones_stay_zero(world) -> None:
    shop, hot = world.dataset, set(world.data.catalogue.ids)
    rng = np.random.default_rng(0)
    raw = {i: rng.normal(size=4) + [5, 0, 0, 0] + (0 if i in hot else 100) for i in shop.items["item_id"]}
    column = pl.Series("look", [None if n == 3 else raw[i].tolist() for n, i in enumerate(shop.items["item_id"])])
    roles = replace(shop.schema.items, vector=("look",))
    dataset = replace(shop, schema=replace(shop.schema, items=roles), items=shop.items.with_columns(column))
    (dense,) = encode(dataset).catalogue.features.dense
    assert dense.vectors.shape == (len(shop.items), 4)
    assert not dense.vectors[3].any()
    others = np.delete(dense.vectors, 3, axis=0)
    assert np.allclose(np.linalg.norm(others, axis=1), 1, atol=1e-5)
    n = world.catalogue.n_hot
    mean = np.mean([raw[i] for m, i in enumerate(dataset.items["item_id"]) if m < n and m != 3], axis=0)
    expected = raw[dataset.items["item_id"][0]] - mean
    assert np.allclose(dense.vectors[0], expected / np.linalg.norm(expected), atol=1e-5)
