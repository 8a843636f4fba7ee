"""A log served day by day: what is asked, what is told by then, and that being told pays in a world made for it."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.engine.replay import Day, replay, summary
from muslin.errors import DataError
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop

DAYS = 24
NEW_GARMENTS = ("g0000", "g0011", "g0022")
NEW_SHOPPERS = tuple(f"u{n:04d}" for n in range(40))


@pytest.fixture(scope="module")
def world() -> tuple[Dataset, pl.DataFrame]:
    """A shop's first days to train on, and the rest as a log; some garments and shoppers are met in the log only."""
    whole = tiny_shop(events=3000, items=60, users=120)
    start = whole.events["timestamp"].min()
    assert isinstance(start, datetime)
    early = pl.col("timestamp") < start + timedelta(days=DAYS)
    new = pl.col("item_id").is_in(NEW_GARMENTS) | pl.col("user_id").is_in(NEW_SHOPPERS)
    train = whole.with_events(whole.events.filter(early & ~new))
    return train, whole.events.filter(~early).select("user_id", "item_id", "timestamp", "event")


@pytest.fixture(scope="module")
def days(world: tuple[Dataset, pl.DataFrame]) -> list[Day]:
    train, log = world
    return list(replay(fit(train, "prior_knn"), log))


def test_what_is_asked_each_day(world: tuple[Dataset, pl.DataFrame], days: list[Day]) -> None:
    train, log = world
    assert [day.day for day in days] == sorted({moment.toordinal() - 719_163 for moment in log["timestamp"].to_list()})
    held = set(zip(train.events["user_id"], train.events["item_id"], strict=True))
    for day in days:
        pairs = day.pairs.filter(pl.col("side") == "garment")
        asked = set(zip(pairs["user_id"], pairs["item_id"], strict=True))
        today = log.filter(pl.col("timestamp").dt.epoch("d") == day.day)
        took = set(zip(today["user_id"], today["item_id"], strict=True))
        assert asked == took - held
        held |= took


def test_new_ones_are_told_by_their_events(world: tuple[Dataset, pl.DataFrame], days: list[Day]) -> None:
    _, log = world
    seen: dict[str, set[str]] = {}
    for day in days:
        for item, events in day.pairs.filter(side="garment").select("item_id", "events").iter_rows():
            count = len(seen.get(item, ()))
            label = "0" if not count else "1–2" if count < 3 else "3–5" if count < 6 else "6–20"
            assert events == (label if item in NEW_GARMENTS else "known")
        for user, item in log.filter(pl.col("timestamp").dt.epoch("d") == day.day).select("user_id", "item_id").rows():
            seen.setdefault(item, set()).add(user)


def test_being_told_pays(days: list[Day]) -> None:
    rows = summary(days)
    at = {(row["side"], row["events"], row["variant"]): row for row in rows}
    assert at["shopper", "3–5", "difference"]["ci_low"] > 0
    assert at["shopper", "0", "difference"]["value"] == 0
    for row in rows:
        assert row["ci_low"] <= row["value"] <= row["ci_high"]
        told, untold = (at[row["side"], row["events"], name]["value"] for name in ("told", "untold"))
        assert at[row["side"], row["events"], "difference"]["value"] == pytest.approx(told - untold)


def test_a_method_that_reads_nothing_gains_nothing(world: tuple[Dataset, pl.DataFrame]) -> None:
    train, log = world
    for day in replay(fit(train, "popularity"), log, most=5):
        assert day.pairs["told"].to_list() == day.pairs["untold"].to_list()
        assert day.pairs.filter(side="shopper")["user_id"].n_unique() <= 5
        beside = set(day.pairs["user_id"]) - set(day.pairs.filter(side="shopper")["user_id"])
        more = day.pairs.filter(pl.col("user_id").is_in(list(beside)))
        assert len(beside) <= 2
        assert set(more["item_id"]) <= set(NEW_GARMENTS)
        assert set(more["side"]) <= {"garment"}


def test_a_foreign_log_is_named(world: tuple[Dataset, pl.DataFrame]) -> None:
    train, log = world
    with pytest.raises(DataError) as caught:
        list(replay(fit(train, "popularity"), log.with_columns(item_id=pl.lit("nothing of ours"))))
    assert caught.value.code == "no_days"
