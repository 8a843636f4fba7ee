"""The cut of a transfer, checked shopper by shopper."""

from dataclasses import replace

import polars as pl
import pytest

from muslin.data.crossing import LEAST, crossing
from muslin.data.dataset import Dataset
from muslin.errors import DataError, UsageError

PAIR = ["user_id", "item_id"]


@pytest.fixture(scope="module")
def three(shop) -> Dataset:
    """The shop with coats in a domain of their own, which no transfer between the others may see."""
    domain = pl.when(pl.col("kind") == "coat").then(pl.lit("coats")).otherwise("domain")
    return replace(shop, items=shop.items.with_columns(domain=domain))


@pytest.fixture(scope="module", params=[0, 1, 2])
def cut(three, request):
    return crossing(three, "accessories", "apparel", request.param)


def pairs(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(frame.select(PAIR).iter_rows())


def in_domain(dataset: Dataset, name: str) -> set[str]:
    return set(dataset.items.filter(pl.col("domain") == name)["item_id"])


def asked(cut, segment: str, part: str | None = None) -> set[str]:
    found = cut.query.filter((pl.col("segment") == segment) & (pl.col("part") == (part or pl.col("part"))))
    return set(found["user_id"])


def test_nothing_that_is_asked_is_learned(cut) -> None:
    assert not pairs(cut.query) & pairs(cut.train.events)
    assert cut.query.select(PAIR).is_unique().all()


def test_only_events_of_both_domains_are_learned_and_none_is_lost(three, cut) -> None:
    known = in_domain(three, "accessories") | in_domain(three, "apparel")
    assert set(cut.train.events["item_id"]) <= known
    events = three.events.filter(pl.col("item_id").is_in(list(known)))
    hidden = pairs(events) - pairs(cut.train.events)
    source = in_domain(three, "accessories")
    assert not [pair for pair in hidden if pair[1] in source]
    assert cut.train.events.columns == three.events.columns
    kept = events.filter(~pl.struct(PAIR).is_in([{"user_id": u, "item_id": i} for u, i in hidden]))
    assert cut.train.events.sort([*PAIR, "timestamp"]).equals(kept.sort([*PAIR, "timestamp"]))


def test_new_shoppers_have_no_event_of_the_target_and_some_of_the_source(cut, three) -> None:
    source, target = in_domain(three, "accessories"), in_domain(three, "apparel")
    for user in asked(cut, "new"):
        items = set(cut.train.events.filter(pl.col("user_id") == user)["item_id"])
        assert items & source
        assert not items & target
        everything = pairs(three.events.filter(pl.col("user_id") == user))
        wanted = {(u, i) for u, i in everything if i in cut.candidates}
        assert pairs(cut.query.filter(pl.col("user_id") == user)) == wanted


def test_known_shoppers_are_asked_for_their_newest_garment(cut, three) -> None:
    target = in_domain(three, "apparel")
    first = {
        (user, item): time
        for user, item, time in three.events.group_by(PAIR).agg(pl.col("timestamp").min()).iter_rows()
        if item in target
    }
    for user in asked(cut, "known"):
        (query,) = pairs(cut.query.filter(pl.col("user_id") == user))
        kept = {pair for pair in pairs(cut.train.events) if pair[0] == user and pair[1] in target}
        assert kept
        assert first[query] >= max(first[pair] for pair in kept)


def test_segments_and_parts_hold_different_shoppers_and_enough_of_them(cut) -> None:
    groups = [asked(cut, segment, part) for segment in cut.segments() for part in ("choose", "prove")]
    assert cut.segments() == ("new", "known")
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert min(map(len, groups)) >= LEAST
    for choose, prove in (groups[:2], groups[2:]):
        assert abs(len(choose) - len(prove)) <= 1


def test_candidates_are_the_targets_garments_that_can_be_learned(cut, three) -> None:
    assert set(cut.candidates) == in_domain(three, "apparel") & set(cut.train.events["item_id"])
    assert set(cut.query["item_id"]) <= set(cut.candidates)
    assert list(cut.candidates) == sorted(cut.candidates)


def test_what_is_taken_is_what_the_asked_have_in_training(cut) -> None:
    users = asked(cut, "new") | asked(cut, "known")
    assert pairs(cut.taken) == {pair for pair in pairs(cut.train.events) if pair[0] in users}


def test_shared_shoppers_and_domains_by_themselves(cut, three) -> None:
    by_domain = {}
    for name in ("accessories", "apparel"):
        items = in_domain(three, name)
        alone = cut.only(name)
        assert set(alone.events["item_id"]) <= items
        assert pairs(alone.events) == {pair for pair in pairs(cut.train.events) if pair[1] in items}
        by_domain[name] = set(alone.events["user_id"])
    assert cut.shared() == len(by_domain["accessories"] & by_domain["apparel"])


def test_the_same_seed_cuts_the_same_and_another_differently(three) -> None:
    first, again, other = (crossing(three, "accessories", "apparel", seed) for seed in (0, 0, 1))
    assert first.query.equals(again.query)
    assert first.train.events.equals(again.train.events)
    assert not first.query.equals(other.query)


def test_what_says_nothing_of_taste_is_neither_learned_nor_asked(three) -> None:
    shown = three.events.with_columns(weight=pl.lit(0.0, dtype=pl.Float32), event=pl.lit("impression"))
    more = three.with_events(pl.concat([three.events, shown]))
    cut = crossing(more, "accessories", "apparel", 0)
    assert cut.train.events["weight"].min() > 0
    assert len(pairs(cut.train.events) | pairs(cut.query)) <= len(pairs(three.events))


@pytest.mark.parametrize("share", [0.001, 0.2, 0.7])
def test_a_thinned_crossing_asks_the_same_and_knows_less_of_the_target(three, share) -> None:
    events = three.events.with_columns(note=pl.lit(None, dtype=pl.String))  # a column nothing is known in
    cut = crossing(three.with_events(events), "accessories", "apparel", 0)
    thin = cut.thinned(share, 0)
    assert thin.query is cut.query
    assert thin.taken is cut.taken
    assert thin.candidates == cut.candidates
    assert thin.only("accessories").events.equals(cut.only("accessories").events)
    before, after = cut.only("apparel").events, thin.only("apparel").events
    users = set(after["user_id"])
    assert len(users) == max(1, round(share * before["user_id"].n_unique()))
    assert after.equals(before.filter(pl.col("user_id").is_in(list(users))))
    smaller = set(cut.thinned(share / 2, 0).only("apparel").events["user_id"])
    assert smaller <= users


def test_a_whole_share_is_the_crossing_itself(cut) -> None:
    assert cut.thinned(1.0, 0) is cut


def test_a_segment_with_too_few_shoppers_is_not_asked_about(three) -> None:
    """Without shoppers in both domains there is nobody to be new."""
    target = in_domain(three, "apparel")
    inside = pl.col("item_id").is_in(list(target))
    apart = three.events.with_columns(
        user_id=pl.when(inside).then(pl.concat_str(pl.lit("x"), "user_id")).otherwise("user_id")
    )
    users = pl.concat([three.users, three.users.with_columns(user_id=pl.concat_str(pl.lit("x"), "user_id"))])
    cut = crossing(replace(three, events=apart, users=users), "accessories", "apparel", 0)
    assert cut.segments() == ("known",)
    assert cut.shared() == 0


@pytest.mark.parametrize(
    ("source", "target", "code", "where", "fix"),
    [
        ("accesories", "apparel", "unknown_domain", "source", "'accessories'"),
        ("accessories", "apparell", "unknown_domain", "target", "'apparel'"),
        ("apparel", "apparel", "same_domain", "target", "two domains"),
    ],
)
def test_wrong_domains_are_named(three, source, target, code, where, fix) -> None:
    with pytest.raises(UsageError) as caught:
        crossing(three, source, target, 0)
    assert (caught.value.code, caught.value.where) == (code, where)
    assert fix in caught.value.fix


@pytest.mark.parametrize("rows", [0, 60])
def test_too_little_to_ask_is_an_error(three, rows) -> None:
    with pytest.raises(DataError) as caught:
        crossing(three.with_events(three.events.head(rows)), "accessories", "apparel", 0)
    assert caught.value.code == "too_small"
    assert str(2 * LEAST) in caught.value.message


def test_a_share_of_everybody_hides_the_target_from_all_who_could_be_asked(three) -> None:
    cut = crossing(three, "accessories", "apparel", 0, share=1.0)
    assert cut.shared() == 0
