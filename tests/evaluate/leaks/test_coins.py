from pathlib import Path

import numpy as np
import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Block, Terms
from muslin.evaluate.leaks import coins
from muslin.evaluate.leaks.coins import guessed, with_coins
from muslin.evaluate.leaks.probe import guesses
from muslin.evaluate.leaks.signs import surplus
from muslin.evaluate.protocol import protocol
from muslin.testing.worlds import tiny_shop

from .conftest import counts_the_disk, honest, reads_the_disk

HONEST = ("random", "popularity", "popularity_category", "content_knn", "ials")


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return tiny_shop(items=600, users=400, events=7000)


def exam_of(shop: Dataset, name: str, seed: int = 0, folder: Path | None = None):
    return protocol(name).build(with_coins(shop, seed, folder), Terms(seed))


def test_every_item_is_listed_twice_and_every_pair_happened_once(shop, folder) -> None:
    made = with_coins(shop, 0, folder)
    assert len(made.items) == 2 * len(shop.items)
    assert dict(made.items.group_by("family").len().rows()) == dict.fromkeys(shop.items["family"].unique(), 4)
    bare = made.events.with_columns(pl.col("item_id").str.head(-2))
    assert bare.equals(shop.events)
    pairs = made.events["user_id", "item_id"].unique().with_columns(pl.col("item_id").str.head(-2))
    assert not pairs.is_duplicated().any()
    share = made.events["item_id"].str.ends_with("~0").mean()
    assert 0.45 < share < 0.55
    assert Dataset.load(folder).events.equals(made.events)


@pytest.mark.parametrize("name", ["item-cold", "user-cold", "warm", "time", "cross-domain", "k-shot"])
def test_honest_methods_guess_half(shop, name) -> None:
    exam = exam_of(shop, name)
    found = [guesses(exam, honest, method) for method in HONEST]
    assert not [f for f in found if f.violation]
    drawn = found[0]
    assert drawn.total > 300
    assert 0.4 < drawn.share < 0.6


def test_honest_methods_are_rarely_accused(shop) -> None:
    """Over many cuts the surplus is about standard normal: the limit means what it says."""
    seen = []
    for seed in range(12):
        exam = exam_of(shop, "item-cold", seed)
        found = guesses(exam, honest, "random")
        seen.append((2 * found.count - found.total) / np.sqrt(found.total))
    assert abs(np.mean(seen)) < 1.2
    assert 0.3 < np.std(seen) < 2.5


@pytest.mark.parametrize("name", ["item-cold", "warm", "time", "cross-domain"])
def test_a_method_that_reads_the_hidden_events_is_caught(shop, name, folder) -> None:
    found = guesses(exam_of(shop, name, folder=folder), reads_the_disk, "reads_the_disk")
    assert found.violation
    assert found.count == found.total > 300
    assert (found.check, found.protocol) == (coins.CHECK, name)


@pytest.mark.parametrize("name", ["item-cold", "time"])
def test_even_a_count_of_all_rows_is_caught(shop, name, folder) -> None:
    assert guesses(exam_of(shop, name, folder=folder), counts_the_disk, "counts_the_disk").violation


def test_a_protocol_that_leaves_the_answers_in_the_histories_is_caught(shop) -> None:
    exam = exam_of(shop, "warm")
    world = exam.world
    whole = with_coins(shop, 0).events

    def scores(ask, rows) -> Block:
        history = world.users(ask.users[rows], whole).history[:, ask.items.rows].toarray()
        return Block(history.astype(np.float32), np.zeros(len(history), dtype=bool))

    assert guessed(exam, scores, "any").violation


def test_a_surplus_is_counted_in_clusters() -> None:
    ones = np.ones(16)
    assert surplus(ones, np.arange(16)) == pytest.approx(4.0)
    assert surplus(ones, np.zeros(16, dtype=np.int64)) == pytest.approx(1.0)
    assert surplus(np.zeros(4), np.arange(4)) == surplus(ones[:0], np.arange(0)) == 0.0
