from dataclasses import replace
from itertools import product

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.dataset import Dataset
from muslin.data.sources.sport_cloth import import_sport_cloth
from muslin.evaluate.audit import audit
from muslin.evaluate.exam import Terms
from muslin.evaluate.leaks import shared_buyers
from muslin.evaluate.leaks.shared_buyers import asked_twins, twin_items, without_twins
from muslin.evaluate.protocol import protocol

COLUMNS = {"user_id": pl.String, "item_id": pl.String, "domain": pl.String}


def log(*rows: tuple[str, str]) -> pl.DataFrame:
    """Events of (users, item); the item's first letter is its domain."""
    told = [(user, item, item[0]) for users, item in rows for user in users]
    return pl.DataFrame(told, schema=COLUMNS, orient="row")


def slow(events: pl.DataFrame, overlap: float, shared: int) -> set[tuple[str, str, int]]:
    buyers: dict[str, set[str]] = {}
    for user, item, _ in events.rows():
        buyers.setdefault(item, set()).add(user)
    found = set()
    for one, other in product(buyers, buyers):
        both, either = len(buyers[one] & buyers[other]), len(buyers[one] | buyers[other])
        if one[0] != other[0] and both >= shared and both / either >= overlap - 1e-9:
            found.add((one, other, both))
    return found


@given(
    st.lists(st.tuples(st.sampled_from("uvwxyz"), st.sampled_from(["a1", "a2", "b1", "b2", "c1"])), max_size=60),
    st.sampled_from([0.3, 0.5, 0.8, 1.0]),
    st.integers(1, 4),
)
def test_twins_are_those_of_comparing_each_with_each(rows, overlap, shared) -> None:
    events = log(*rows)
    found = twin_items(events, overlap=overlap, shared=shared)
    assert set(found["item_id", "twin_id", "shared"].rows()) == slow(events, overlap, shared)
    assert len(found) == len(slow(events, overlap, shared))
    assert all(domain == item[0] for item, domain in found["item_id", "domain"].rows())


def test_small_blocks_find_the_same(monkeypatch) -> None:
    events = log(*(("uvwx"[n % 2 :], f"{'ab'[n % 3 == 0]}{n}") for n in range(12)))
    whole = twin_items(events, shared=2)
    assert len(whole) > 10
    monkeypatch.setattr(shared_buyers, "_ROWS", 3)
    assert twin_items(events, shared=2).equals(whole)


def test_the_edges_of_the_definition() -> None:
    events = log(("uvwx", "a1"), ("uvwxy", "b1"), ("uv", "a2"), ("uv", "b2"), ("uvwx", "a3"))
    found = twin_items(events)
    # Four of five buyers are enough, two are too few, and a twin in one's own domain is another matter.
    assert found["item_id", "twin_id"].rows() == [("a1", "b1"), ("a3", "b1"), ("b1", "a1"), ("b1", "a3")]
    assert found["overlap"].to_list() == [0.8] * 4
    with pytest.raises(ValueError, match="at least 1"):
        twin_items(events, shared=0)
    assert twin_items(events.clear()).is_empty()


def test_only_a_shopper_known_to_have_the_twin_gives_it_away() -> None:
    events = log(("uvw", "a1"), ("uvw", "b1"), ("uvw", "a2"))
    twins = twin_items(events)
    query = events.filter((pl.col("item_id") == "b1") & (pl.col("user_id") != "w"))
    train = events.join(query, on=COLUMNS.keys(), how="anti").filter(
        ~((pl.col("user_id") == "v") & (pl.col("domain") == "a"))
    )
    assert asked_twins(train, query, twins).rows() == [("u", "b1", "b")]
    clean = without_twins(train, twins, ["a"])
    assert asked_twins(clean, query, twins).is_empty()
    assert set(clean["item_id"]) == {"b1"}
    assert without_twins(events, twins).is_empty()


def test_the_audit_counts_asked_pairs_with_a_known_twin(shop) -> None:
    exam = protocol("warm").build(shop, Terms(0))
    assert counted(shop, exam).count == 0
    # Every buyer of the two items asked most gets a listing of the other domain too, in training.
    wanted = exam.split.query["item_id"].value_counts(sort=True)["item_id"].head(2).to_list()
    theirs = shop.events.filter(pl.col("item_id").is_in(wanted))
    copies = theirs.with_columns(pl.col("item_id") + "-twin")
    items = shop.items.filter(pl.col("item_id").is_in(wanted)).with_columns(
        pl.col("item_id") + "-twin", domain=pl.lit("elsewhere")
    )
    whole = replace(shop, items=pl.concat([shop.items, items]), events=pl.concat([shop.events, copies]))
    train = replace(whole, events=pl.concat([exam.split.train.events, copies]))
    found = counted(whole, replace(exam, split=replace(exam.split, train=train)))
    asked = exam.split.query.filter(pl.col("item_id").is_in(wanted))
    assert (found.count, found.total, found.violation) == (len(asked), len(exam.split.query), False)
    assert len(asked) > 2


def counted(dataset, exam):
    return {finding.check: finding for finding in audit(dataset, exam)}["cross-domain twins"]


@pytest.mark.data
def test_the_published_pair_is_full_of_them(research_data, tmp_path) -> None:
    import_sport_cloth(research_data / "amazon_sport_cloth", tmp_path / "ds")
    whole = Dataset.load(tmp_path / "ds")
    events = whole.events.join(whole.items, on="item_id")
    twins = twin_items(events)
    assert len(twins) == 2 * 804
    assert twins["overlap"].min() == 1.0  # one product under two numbers
    train, test = (events.filter(pl.col("part") == part) for part in ("train", "test"))
    told = asked_twins(train, test, twins).group_by("domain").len().sort("domain")
    assert told.rows() == [("cloth", 452), ("sport", 444)]  # 14.7 % of 3,085 and 12.5 % of 3,546
    clean = without_twins(train, twins, ["sport"])
    assert asked_twins(clean, test.filter(pl.col("domain") == "cloth"), twins).is_empty()
    assert len(events) - len(without_twins(events, twins)) == 18_292
