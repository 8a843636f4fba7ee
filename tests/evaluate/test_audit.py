from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.evaluate.audit import audit, twins
from muslin.evaluate.exam import Exam, Terms
from muslin.evaluate.finding import Finding
from muslin.evaluate.protocol import PROTOCOLS, protocol
from muslin.features.space import encode


def built(dataset: Dataset, name: str) -> Exam:
    return protocol(name).build(dataset, Terms(seed=0))


def by_check(dataset: Dataset, exam: Exam) -> dict[str, Finding]:
    return {finding.check: finding for finding in audit(dataset, exam)}


def leaked(exam: Exam, events: pl.DataFrame) -> Exam:
    """The exam with `events` smuggled into training."""
    train = exam.split.train
    return replace(exam, split=replace(exam.split, train=train.with_events(pl.concat([train.events, events]))))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_honest_cuts_are_clear(dataset: Dataset, name: str) -> None:
    found = audit(dataset, built(dataset, name))
    assert not [finding for finding in found if finding.violation]
    assert all(finding.total > 0 for finding in found if finding.check != "asked pairs in support")


def test_an_asked_pair_in_training_is_a_leak(dataset: Dataset) -> None:
    exam = built(dataset, "warm")
    asked = dataset.events.join(exam.split.query.head(3), on=["user_id", "item_id"], how="semi")
    finding = by_check(dataset, leaked(exam, asked))["asked pairs in training"]
    assert (finding.count, finding.violation) == (3, True)


def test_an_asked_pair_in_the_support_is_a_leak(dataset: Dataset) -> None:
    exam = built(dataset, "user-cold")
    asked = dataset.events.join(exam.split.query.head(2), on=["user_id", "item_id"], how="semi")
    shown = replace(exam, split=replace(exam.split, support=asked))
    finding = by_check(dataset, shown)["asked pairs in support"]
    assert (finding.count, finding.violation) == (2, True)


def test_an_event_of_a_cold_item_is_a_leak_of_the_item_and_of_its_family(dataset: Dataset) -> None:
    exam = built(dataset, "item-cold")
    cold = sorted(exam.split.cold_items)[0]
    found = by_check(dataset, leaked(exam, dataset.events.filter(pl.col("item_id") == cold)))
    assert found["cold items in training"].count == 1
    assert found["families across the cut"].count == 1
    assert found["families across the cut"].violation


def test_a_hot_sibling_is_a_leak_though_the_item_itself_is_cold(dataset: Dataset) -> None:
    exam = built(dataset, "item-cold")
    cold = sorted(exam.split.cold_items)[0]
    hot = exam.split.train.events["item_id"][0]
    family = dataset.items.filter(pl.col("item_id") == cold)["family"][0]
    adopted = dataset.items.with_columns(
        family=pl.when(pl.col("item_id") == hot).then(pl.lit(family)).otherwise("family")
    )
    found = by_check(replace(dataset, items=adopted), exam)
    assert found["families across the cut"].violation
    assert not found["cold items in training"].violation


def test_an_event_of_a_new_shopper_is_a_leak(dataset: Dataset) -> None:
    exam = built(dataset, "user-cold")
    theirs = dataset.events.filter(pl.col("user_id") == exam.split.query["user_id"][0]).head(1)
    finding = by_check(dataset, leaked(exam, theirs))["shoppers across the cut"]
    assert (finding.count, finding.violation) == (1, True)


def test_twins_are_exactly_the_items_with_the_features_of_a_hot_one(dataset: Dataset) -> None:
    exam = built(dataset, "item-cold")
    world = exam.world
    cold = world.item_rows(sorted(exam.split.cold_items))
    dense = world.catalogue.features.matrix.toarray()
    hot = {row.tobytes() for row in dense[: world.catalogue.n_hot]}
    expected = {int(row) for row in cold if dense[row].tobytes() in hot}
    assert set(twins(world, cold).tolist()) == expected
    assert expected
    finding = by_check(dataset, exam)["exact feature twins"]
    assert (finding.count, finding.total, finding.violation) == (len(expected), len(cold), False)


def test_items_that_tell_nothing_are_no_twins(dataset: Dataset) -> None:
    blank = dataset.items.with_columns(
        colour=pl.when(pl.int_range(pl.len()) % 2 == 0).then("colour"), shape=pl.lit(None, dtype=pl.String)
    )
    world = encode(replace(dataset, items=blank))
    rows = np.arange(len(world.catalogue))
    told = np.diff(world.catalogue.features.matrix.indptr) > 0
    assert 0 < told.sum() < len(rows)
    assert set(twins(world, rows)) == set(rows[told])


def test_future_statistics_count_training_events_after_the_first_question(dataset: Dataset) -> None:
    exam = built(dataset, "warm")
    asked = dataset.events.join(exam.split.query, on=["user_id", "item_id"], how="semi")["timestamp"]
    finding = by_check(dataset, exam)["future statistics"]
    assert finding.count == sum(t > min(asked) for t in exam.split.train.events["timestamp"])
    assert 0 < finding.share <= 1
    assert not finding.violation
