"""Tastes against a loop over events, and the same to the bit in training and in serving."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from muslin.data.splits import user_cold
from muslin.features.behaviour import DOMAINS, Garments, tastes
from muslin.features.space import encode
from muslin.testing.worlds import tiny_shop
from muslin.types import Block, Events, Features

DAY = 86_400_000_000
FEATURES = Features(
    csr_matrix(np.array([[1, 0, 0.6, 0.8], [0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=np.float32)),
    (Block("colour", 0, 2), Block("price", 2, 4)),
)
GARMENTS = Garments(FEATURES, np.array([0, 1, 1, -1]))
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 3), st.sampled_from([0.0, 1.0, 2.5]), st.integers(0, 90)), max_size=12
)


def events_of(rows) -> Events:
    user, item, weight, day = (np.array([row[c] for row in rows]) for c in range(4))
    user, item, day = (column.astype(np.int64) for column in (user, item, day))
    return Events(user, item, weight.astype(np.float32), day * DAY)


def naive(rows, users, code=None) -> np.ndarray:
    out = np.zeros((users, 4))
    for user in range(users):
        own = [r for r in rows if r[0] == user and r[2] > 0]
        newest = max((r[3] for r in rows if r[0] == user), default=0)
        total = 0.0
        for _, item, weight, day in own:
            if code is None or GARMENTS.domain[item] == code:
                now = weight * 0.5 ** ((newest - day) / 30)
                total += now
                out[user] += now * FEATURES.matrix[item].toarray()[0]
        if total:
            out[user] /= total
    return out


@given(ROWS)
def test_tastes_are_those_of_a_loop(rows) -> None:
    found = tastes(events_of(rows), 5, GARMENTS, ("bags", "dresses"))
    assert [b.name for b in found.blocks] == [
        *("taste:colour", "taste:price", "taste:bags:colour", "taste:bags:price"),
        *("taste:dresses:colour", "taste:dresses:price", DOMAINS),
    ]
    expected = np.hstack([naive(rows, 5), naive(rows, 5, 0), naive(rows, 5, 1)])
    assert np.allclose(found.matrix[:, :12].toarray(), expected, atol=1e-6)
    shares = found.matrix[:, 12:].toarray()
    some = np.array([any(r[0] == u and r[2] > 0 and GARMENTS.domain[r[1]] >= 0 for r in rows) for u in range(5)])
    assert np.allclose(shares.sum(axis=1), some, atol=1e-6)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(rows, random) -> None:
    shuffled = random.sample(rows, len(rows))
    a, b = (tastes(events_of(r), 5, GARMENTS, ("bags", "dresses")).matrix for r in (rows, shuffled))
    assert np.array_equal(a.toarray(), b.toarray())


def test_a_month_halves_an_event() -> None:
    rows = [(0, 0, 1.0, 0), (0, 1, 1.0, 30)]
    assert np.allclose(tastes(events_of(rows), 1, GARMENTS, ("all",)).matrix[:, :2].toarray(), [[1 / 3, 2 / 3]])
    fast = tastes(events_of(rows), 1, GARMENTS, ("all",), half_life=10)
    assert np.allclose(fast.matrix[:, :2].toarray(), [[1 / 9, 8 / 9]])


def test_one_domain_is_summarised_once() -> None:
    assert [b.name for b in tastes(events_of([]), 2, GARMENTS, ("all",)).blocks] == ["taste:colour", "taste:price"]


@pytest.fixture(scope="module")
def shop():
    return tiny_shop()


def test_the_profile_served_is_to_the_bit_the_profile_trained_on(shop) -> None:
    """The same events in the log and fresh from the request, of a shopper known and of one unknown."""
    world = encode(shop)
    known = world.shoppers.ids[: world.shoppers.n_hot].tolist()
    trained = world.tastes(known)
    assert trained.matrix.getnnz(axis=1).min() > 0
    fresh = shop.events.with_columns(user_id="new " + pl.col("user_id"))
    served = world.tastes([f"new {name}" for name in known], fresh)
    assert served.blocks == trained.blocks
    assert np.array_equal(served.matrix.toarray(), trained.matrix.toarray())
    for place in (0, 7, len(known) - 1):
        alone = world.tastes([f"new {known[place]}"], fresh.sample(fraction=1.0, shuffle=True, seed=place))
        assert np.array_equal(alone.matrix.toarray(), trained.matrix[[place]].toarray())


def test_half_in_the_log_and_half_in_the_request_is_the_whole(shop) -> None:
    split = user_cold(shop, 0, k=3)
    world, whole = encode(split.train), encode(shop)
    cold = split.support["user_id"].unique().sort().to_list()
    both = world.tastes(cold, split.support)
    own = pl.col("user_id").is_in(cold)
    again = encode(shop.with_events(pl.concat([split.train.events, split.support.select(shop.events.columns)])))
    assert np.allclose(both.matrix.toarray(), again.tastes(cold).matrix.toarray())
    assert not np.allclose(both.matrix.toarray(), whole.tastes(cold).matrix.toarray())
    assert split.support.filter(own).height


def test_a_fresh_event_without_a_time_is_as_new_as_the_shoppers_newest(shop) -> None:
    """And nobody else's events matter."""
    world = encode(shop)
    name, item = world.shoppers.ids[0], world.catalogue.ids[0]
    fresh = pl.DataFrame({"user_id": [name], "item_id": [item], "weight": [5.0]})
    newest = shop.events.filter(pl.col("user_id") == name)["timestamp"].max()
    timed = world.tastes([name], fresh.with_columns(timestamp=pl.lit(newest))).matrix.toarray()
    assert np.array_equal(world.tastes([name], fresh).matrix.toarray(), timed)
    later = pl.when(pl.col("user_id") == name).then("timestamp").otherwise(pl.col("timestamp").dt.offset_by("10y"))
    moved = encode(shop.with_events(shop.events.with_columns(timestamp=later).sort("timestamp", maintain_order=True)))
    assert np.array_equal(moved.tastes([name], fresh).matrix.toarray(), timed)


def test_hashed_columns_name_nothing_and_are_no_taste(shop) -> None:
    roles = replace(shop.schema.items, categorical=("kind",), hashed=("colour",), category=(), price=None)
    found = encode(replace(shop, schema=replace(shop.schema, items=roles))).tastes(["u0001"])
    assert not any("colour" in block.name for block in found.blocks)


def test_text_is_no_taste_and_an_unknown_shopper_has_none(shop) -> None:
    found = encode(shop).tastes(["nobody", "u0001", "nobody"])
    assert not any("title" in block.name for block in found.blocks)
    names = {block.name for block in found.blocks}
    assert {"taste:colour", "taste:accessories:colour", "taste:apparel:price", DOMAINS} <= names
    assert found.matrix.getnnz(axis=1)[[0, 2]].tolist() == [0, 0]
