import numpy as np
import polars as pl
import pytest

from muslin.data.splits import item_cold
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
