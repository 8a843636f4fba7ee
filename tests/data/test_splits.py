"""Nothing asked is ever in training; the rest of each split's promise."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.cutting import tied_cuts
from muslin.data.splits import both_cold, by_time, cross_domain, item_cold, k_shot, user_cold, validation, warm
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


def pairs_of(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(frame.select("user_id", "item_id").iter_rows())


@pytest.mark.parametrize("k", [0, 1, 3])
def test_both_cold_hides_both_and_reveals_k_known_garments(k) -> None:
    shop = tiny_shop()
    cut, last = both_cold(shop, 0, k=k), both_cold(shop, 0, k=3)
    train = cut.train.events
    assert pairs_of(cut.query) == pairs_of(last.query)
    assert not set(cut.query["user_id"]) & set(train["user_id"])
    assert not set(cut.query["item_id"]) & set(train["item_id"])
    assert set(cut.query["item_id"]) == set(cut.cold_items)
    asked = cut.support.filter(pl.col("user_id").is_in(cut.query["user_id"].unique().implode()))
    assert set(asked["item_id"]) <= set(train["item_id"])
    counts = asked.group_by("user_id").len()["len"]
    assert (counts == k).all()
    assert k == 0 or len(counts) == cut.query["user_id"].n_unique()


@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_k_shot_reveals_k_of_each_and_asks_the_same(k) -> None:
    shop = tiny_shop()
    cut, last = k_shot(shop, 0, k=k, k_max=5), k_shot(shop, 0, k=5, k_max=5)
    assert pairs_of(cut.query) == pairs_of(last.query)
    of_new = cut.query.filter(pl.col("item_id").is_in(list(cut.cold_items)))
    of_known = cut.query.filter(~pl.col("item_id").is_in(list(cut.cold_items)))
    trained = cut.train.events
    assert set(of_new["user_id"]) <= set(trained["user_id"])
    assert not set(of_new["item_id"]) & set(trained["item_id"])
    assert not set(of_known["user_id"]) & set(trained["user_id"])
    for revealed, asked, key in ((cut.revealed, of_new, "item_id"), (cut.support, of_known, "user_id")):
        told = revealed.join(asked.select(key).unique(), on=key, how="semi")
        assert (told.group_by(key).len()["len"] == k).all()
        assert not pairs_of(told) & pairs_of(asked)
        latest = told.group_by(key).agg(pl.col("timestamp").max().alias("told"))
        firsts = shop.events.group_by("user_id", "item_id").agg(pl.col("timestamp").min())
        later = asked.join(firsts, on=["user_id", "item_id"]).join(latest, on=key)
        assert (later["timestamp"] >= later["told"]).all()
    families = shop.items.select("item_id", "family")
    old = set(families.join(trained, on="item_id", how="semi")["family"])
    assert not set(families.join(of_new, on="item_id", how="semi")["family"]) & old


def test_by_time_ends_training_at_a_midnight_and_asks_for_what_followed() -> None:
    shop = tiny_shop()
    cut = by_time(shop, 0, k=1)
    end = cut.train.events["timestamp"].max()
    firsts = shop.events.group_by("user_id", "item_id").agg(pl.col("timestamp").min())
    asked = cut.query.join(firsts, on=["user_id", "item_id"])
    assert asked["timestamp"].min().date() > end.date()
    assert 0.15 < 1 - len(cut.train.events) / len(shop.events) < 0.35
    assert not set(cut.cold_items) & set(cut.train.events["item_id"])
    strangers = cut.support["user_id"].unique()
    assert not set(strangers) & set(cut.train.events["user_id"])


def test_by_time_says_so_when_everything_happened_on_one_day() -> None:
    shop = tiny_shop()
    with pytest.raises(DataError) as told:
        by_time(shop.with_events(shop.events.with_columns(pl.col("timestamp").min())), 0, k=0)
    assert told.value.code == "no_times"


@pytest.mark.parametrize("disjoint", [False, True])
def test_cross_domain_keeps_the_source_and_hides_the_rest(disjoint) -> None:
    shop = tiny_shop()
    cut = cross_domain(shop, 0, disjoint=disjoint)
    domain = shop.items.select("item_id", "domain")
    known = cut.train.events.join(domain, on="item_id")
    asked = cut.query.join(domain, on="item_id")
    for user, of_user in asked.group_by("user_id"):
        target = of_user["domain"].unique().to_list()
        source = known.filter(pl.col("user_id") == user[0])["domain"].unique().to_list()
        assert len(target) == len(source) == 1
        assert target != source
    per_user = known.group_by("user_id").agg(pl.col("domain").n_unique())
    assert per_user["domain"].max() == (1 if disjoint else 2)
    assert set(asked["domain"]) == {"accessories", "apparel"}


def test_cross_domain_needs_two_domains() -> None:
    shop = tiny_shop()
    with pytest.raises(DataError) as told:
        cross_domain(replace(shop, items=shop.items.with_columns(domain=pl.lit("all"))), 0)
    assert told.value.code == "one_domain"
