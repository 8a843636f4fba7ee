"""Nothing asked is ever in training; the rest of each split's promise."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.splits import item_cold, tied_cuts, user_cold, validation, warm
from muslin.errors import DataError
from muslin.testing.worlds import tiny_shop

SEEDS = st.integers(0, 10_000)
SHOP = tiny_shop(users=80, events=800)
PAIR = ["user_id", "item_id"]


def check(split) -> None:
    assert split.query.join(split.train.events, on=PAIR, how="inner").is_empty()
    assert split.query.join(split.support, on=PAIR, how="inner").is_empty()
    assert len(split.query) == len(split.query.unique())
    asked = set(split.query["item_id"]) - set(split.train.events["item_id"])
    assert asked <= split.cold_items
    assert split.query.join(SHOP.events, on=PAIR, how="anti").is_empty()


@given(SEEDS)
def test_item_cold_holds_whole_families_out(seed) -> None:
    split = item_cold(SHOP, seed)
    check(split)
    family = dict(SHOP.items.select("item_id", "family").iter_rows())
    trained = {family[i] for i in split.train.events["item_id"]}
    assert not trained & {family[i] for i in split.cold_items}
    assert set(split.query["user_id"]) <= set(split.train.events["user_id"])
    assert set(split.query["item_id"]) - split.cold_items, "warm pairs are asked too"


@given(SEEDS)
def test_warm_asks_for_the_newest_pair(seed) -> None:
    split = warm(SHOP, seed)
    check(split)
    firsts = SHOP.events.group_by(PAIR).agg(pl.col("timestamp").min())
    asked = split.query.join(firsts, on=PAIR)
    kept = firsts.join(split.query, on=PAIR, how="anti").group_by("user_id").agg(last=pl.col("timestamp").max())
    assert asked.join(kept, on="user_id").filter(pl.col("timestamp") < pl.col("last")).is_empty()
    assert not split.cold_items


@given(SEEDS)
def test_user_cold_asks_the_same_for_every_k(seed) -> None:
    splits = [user_cold(SHOP, seed, k=k) for k in range(4)]
    for k, split in enumerate(splits):
        check(split)
        assert split.query.equals(splits[0].query)
        assert not set(split.query["user_id"]) & set(split.train.events["user_id"])
        assert split.support.group_by("user_id").len().filter(pl.col("len") > k).is_empty()
        assert set(split.support["user_id"]) == (set() if k == 0 else set(splits[1].support["user_id"]))
    times = SHOP.events.group_by(PAIR).agg(pl.col("timestamp").min())
    revealed = splits[3].support.select(PAIR).join(times, on=PAIR).group_by("user_id").agg(pl.col("timestamp").max())
    asked = splits[3].query.join(times, on=PAIR).join(revealed, on="user_id")
    assert len(asked)
    assert (asked["timestamp"] >= asked["timestamp_right"]).all()


def test_a_split_is_a_function_of_its_seed() -> None:
    assert item_cold(SHOP, 3).query.equals(item_cold(SHOP, 3).query)
    assert not item_cold(SHOP, 3).query.equals(item_cold(SHOP, 4).query)


def test_validation_loses_no_warm_pair() -> None:
    split = validation(SHOP, 0)
    assert set(split.query["item_id"]) <= split.cold_items


def test_events_without_liking_are_not_learned_from() -> None:
    shown = SHOP.events.head(50).with_columns(weight=pl.lit(0.0, dtype=pl.Float32), event=pl.lit("impression"))
    both = SHOP.with_events(pl.concat([SHOP.events, shown]))
    assert item_cold(both, 0).train.events.equals(item_cold(SHOP, 0).train.events)


@pytest.mark.parametrize("cut", [item_cold, warm, lambda d, s: user_cold(d, s, k=1)])
def test_too_little_data_is_an_error_that_says_so(cut) -> None:
    with pytest.raises(DataError) as caught:
        cut(SHOP.with_events(SHOP.events.head(1)), 0)
    assert caught.value.code == "too_small"


def test_k_beyond_the_revealed_events_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be in"):
        user_cold(SHOP, 0, k=4, k_max=3)


def day_stamped(order: list[str]):
    """The shop with times cut to days and each shopper's day listed by item id, as real logs often are."""
    shop = tiny_shop(users=400, events=6000)
    return shop.with_events(shop.events.with_columns(pl.col("timestamp").dt.truncate("40d")).sort("timestamp", *order))


@pytest.mark.parametrize("seed", range(3))
def test_a_log_sorted_by_id_within_the_day_tells_nothing(seed) -> None:
    shop = day_stamped(["user_id", "item_id"])
    place = {item: n for n, item in enumerate(sorted(SHOP.items["item_id"]))}

    def mean(frame) -> float:
        return sum(place[i] for i in frame["item_id"]) / len(frame)

    cold = user_cold(shop, seed, k=3, share=0.4)
    assert abs(mean(cold.support) - mean(cold.query)) < 12, "of 150: revealed and asked items are equally old"
    known = warm(shop, seed)
    assert abs(mean(known.query) - mean(known.train.events)) < 12


def test_cuts_within_an_instant_are_counted() -> None:
    shop = day_stamped(["user_id", "item_id"])
    tied, asked = tied_cuts(shop, warm(shop, 0))
    assert tied / asked > 0.5
    assert tied_cuts(SHOP, warm(SHOP, 0))[0] == 0
