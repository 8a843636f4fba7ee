"""The newest word about a garment counts, in whatever order words come; bad rows cost nobody else anything."""

from typing import Any

import numpy as np
import pytest

from muslin.engine.assortment.change import Stock, hide, patch, put, restock
from muslin.engine.assortment.documents import document, restored
from muslin.engine.assortment.state import Assortment, fresh
from muslin.random import stream

NOW = 1_700_000_000_000_000
LATER = NOW + 10_000_000


def iso(second: int) -> str:
    return f"2023-01-01T00:00:{second:02d}Z"


def row_of(state: Assortment, item: str) -> dict[str, Any]:
    return state.model.world.dataset.items.row(int(state.model.world.item_rows([item])[0]), named=True)


def test_a_garment_joins_and_is_ranked_by_its_content(state, garment) -> None:
    changed = put(state, [garment("new")], NOW)
    assert (changed.outcome.accepted, changed.items) == (1, ("new",))
    model = changed.state.model
    twin = next(
        r["item_id"]
        for r in state.model.world.dataset.items.iter_rows(named=True)
        if (r["colour"], r["kind"]) == ("red", "dress")
    )
    near = model.similar("new", 5, columns=["kind", "colour"])["similar_id"].to_list()
    assert twin in near or all(row_of(changed.state, i)["colour"] == "red" for i in near)
    assert "new" in model.recommend("nobody", 200)["item_id"].to_list()
    assert changed.state.since[-1] == NOW


def test_a_whole_row_replaces_and_a_patch_does_not(state, garment) -> None:
    state = put(state, [garment("new", tags=["a", "b"])], NOW).state
    replaced = put(state, [{"item_id": "new", "title": "blue"}], LATER).state
    assert row_of(replaced, "new")["colour"] is None
    patched = patch(state, "new", {"colour": "blue", "price": None}, LATER)
    assert patched is not None
    row = row_of(patched.state, "new")
    assert (row["colour"], row["price"], row["kind"], row["tags"]) == ("blue", None, "dress", ["a", "b"])
    assert patch(state, "nobody", {"colour": "blue"}, LATER) is None


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1), (3, 2, 1)])
def test_the_last_updated_at_wins_in_any_order(state, garment, order) -> None:
    older = 0
    for second in order:
        changed = put(state, [garment("new", title=f"title {second}", updated_at=iso(second))], NOW)
        state, older = changed.state, older + changed.outcome.older
    assert row_of(state, "new")["title"] == "title 3"
    assert older == {(1, 2, 3): 0, (3, 1, 2): 2, (2, 3, 1): 1, (3, 2, 1): 2}[order]


def test_the_same_word_again_changes_nothing_and_another_at_one_time_is_refused(state, garment) -> None:
    state = put(state, [garment("new", updated_at=iso(5))], NOW).state
    again = put(state, [garment("new", updated_at=iso(5))], NOW)
    assert (again.outcome.accepted, again.outcome.unchanged, again.items) == (0, 1, ())
    clash = put(state, [garment("x"), garment("new", title="other", updated_at=iso(5))], NOW)
    assert [(r.index, r.code) for r in clash.outcome.refused] == [(1, "duplicate_id")]
    assert clash.outcome.accepted == 1


def test_within_a_batch_the_newest_wins_and_a_tie_costs_both(state, garment) -> None:
    rows = [
        garment("a", title="old", updated_at=iso(1)),
        garment("a", title="new", updated_at=iso(2)),
        garment("b", title="one", updated_at=iso(1)),
        garment("b", title="two", updated_at=iso(1)),
    ]
    changed = put(state, rows, NOW)
    assert row_of(changed.state, "a")["title"] == "new"
    assert [(r.index, r.code) for r in changed.outcome.refused] == [(2, "duplicate_id"), (3, "duplicate_id")]
    assert changed.items == ("a",)


def test_a_garment_that_left_comes_back_with_a_newer_word_only(state, garment) -> None:
    state = put(state, [garment("new", updated_at=iso(1))], NOW).state
    gone = hide(state, "new", NOW)
    assert gone is not None
    assert gone.state.index("new") == -1
    assert len(gone.state) == len(state)
    assert hide(gone.state, "never there", LATER) is None
    late = put(gone.state, [garment("new", updated_at=iso(30))], NOW)
    assert (late.outcome.older, late.state.index("new")) == (1, -1)
    back = put(gone.state, [garment("new")], LATER)
    assert back.state.index("new") >= 0


def test_stock_has_a_clock_of_its_own(state, garment) -> None:
    state = put(state, [garment("new", stock=3)], NOW).state
    changed = restock(state, [Stock("new", 0, LATER), Stock("nobody", 1, LATER), Stock("g0001", 2, LATER)])
    assert (changed.outcome.accepted, [r.code for r in changed.outcome.refused]) == (2, ["unknown_item"])
    assert row_of(changed.state, "new")["stock"] == 0
    assert row_of(changed.state, "g0002")["stock"] is None
    late = restock(changed.state, [Stock("new", 9, NOW)])
    assert (late.outcome.older, row_of(late.state, "new")["stock"]) == (1, 0)
    # A row without a stock says nothing of it.
    renamed = put(changed.state, [garment("new", title="renamed")], LATER + 1)
    assert (row_of(renamed.state, "new")["stock"], row_of(renamed.state, "new")["title"]) == (0, "renamed")


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("empty id", {"item_id": ""}, "empty_id"),
    ("blank id", {"item_id": "  "}, "empty_id"),
    ("spaced id", {"item_id": "a b"}, "bad_id"),
    ("slashed id", {"item_id": "a/b"}, "bad_id"),
    ("control in id", {"item_id": "a\x07"}, "bad_id"),
    ("long id", {"item_id": "a" * 257}, "long_id"),
    ("no id", {"item_id": None}, "missing_id"),
    ("numeric id", {"item_id": 5}, "wrong_type"),
    ("price in words", {"price": "19,99 €"}, "bad_price"),
    ("price zero", {"price": 0}, "bad_price"),
    ("price below zero", {"price": -1.5}, "bad_price"),
    ("price of a billion", {"price": 10**9}, "bad_price"),
    ("price bool", {"price": True}, "bad_price"),
    ("price beyond float32", {"price": 1e300}, "bad_price"),
    ("stock below zero", {"stock": -3}, "bad_stock"),
    ("half a garment", {"stock": 1.5}, "bad_stock"),
    ("stock in words", {"stock": "many"}, "bad_stock"),
    ("unknown column", {"colr": "red"}, "unknown_column"),
    ("list for text", {"colour": ["red"]}, "wrong_type"),
    ("number for text", {"title": 5}, "wrong_type"),
    ("number in a list", {"tags": ["a", 5]}, "wrong_type"),
    ("empty title", {"title": ""}, "empty_title"),
    ("blank title", {"title": " \n"}, "empty_title"),
    ("title of a megabyte", {"title": "x" * 1_000_000}, "long_title"),
    ("deep category", {"category_path": [f"level {n}" for n in range(11)]}, "deep_category"),
    ("category cycle", {"category_path": ["women", "dress", "women"]}, "category_cycle"),
    ("time in words", {"updated_at": "yesterday"}, "bad_time"),
    ("time in the future", {"updated_at": "2099-01-01T00:00:00Z"}, "future_time"),
    ("time bool", {"updated_at": True}, "wrong_type"),
]


@pytest.mark.parametrize(("columns", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_row_is_refused_by_place_and_the_good_ones_beside_it_stay(state, garment, columns, code) -> None:
    rows = [garment("good1"), {**garment("bad"), **columns}, garment("good2")]
    changed = put(state, rows, NOW)
    assert [(r.index, r.code) for r in changed.outcome.refused] == [(1, code)]
    refusal = changed.outcome.refused[0]
    assert refusal.detail
    assert refusal.raw
    assert len(refusal.raw.encode()) <= 32 * 1024
    assert changed.items == ("good1", "good2")


def test_what_training_did_not_meet_is_remarked_and_counts_as_unknown(state, garment) -> None:
    changed = put(state, [garment("a"), garment("b", colour="mauve")], NOW)
    assert [(r.code, r.index, r.field) for r in changed.outcome.remarks] == [("unknown_value", 1, "colour")]
    world = changed.state.model.world
    colour = next(b for b in world.catalogue.features.blocks if b.name == "colour")
    assert world.catalogue.features.matrix[-1, colour.start : colour.stop].nnz == 0


def test_ids_that_differ_in_case_only_stay_distinct_with_a_remark(state, garment) -> None:
    changed = put(state, [garment("G0001"), garment("x"), garment("X")], NOW)
    assert changed.outcome.accepted == 3
    assert [r.code for r in changed.outcome.remarks] == ["case_twins", "case_twins"]


def test_a_category_may_be_given_as_a_path(state, garment) -> None:
    changed = put(state, [{"item_id": "p", "category_path": ["womenswear", "dress", "midi"]}], NOW)
    row = row_of(changed.state, "p")
    assert (row["department"], row["kind"]) == ("womenswear", "dress")


def test_a_restart_gives_the_same_catalogue(model, state, garment) -> None:
    state = put(state, [garment(f"n{i}", updated_at=iso(i), tags=["x"]) for i in range(6)], NOW).state
    state = put(state, [garment("g0003", title="told again", stock=4)], NOW + 1).state
    for changed in (patch(state, "n1", {"colour": "blue"}, LATER), None):
        state = changed.state if changed else state
    gone = hide(state, "n2", LATER)
    assert gone is not None
    state = restock(gone.state, [Stock("n0", 7, LATER), Stock("g0009", 1, LATER)]).state
    kept = [document(state, item) for item in ("g0009", "n5", "n0", "n1", "g0003", "n2", "n3", "n4")]
    again, lost = restored(model, kept)
    assert lost == ()
    assert again.model.world.dataset.items.equals(state.model.world.dataset.items)
    for name in ("hidden", "stamps", "stocked", "since", "told"):
        assert np.array_equal(getattr(again, name), getattr(state, name)), name
    left, right = again.model.world.catalogue.features.matrix, state.model.world.catalogue.features.matrix
    assert (left != right).nnz == 0
    assert [document(again, i) for i in ("n2", "g0009")] == [document(state, i) for i in ("n2", "g0009")]


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_words_does_not_matter(model, garment, seed) -> None:
    rng = stream(seed, "words")
    kinds, items = ["put", "hide", "stock"], ["a", "b"]
    words = [(kinds[rng.integers(3)], items[rng.integers(2)], int(s)) for s in rng.permutation(60)[:10]]
    base = put(fresh(model), [garment("a", updated_at="2022-01-01"), garment("b", updated_at="2022-01-01")], NOW).state
    ends = []
    for order in (words, [words[n] for n in rng.permutation(len(words))]):
        state = base
        for kind, item, second in order:
            at = 1_672_531_200_000_000 + second * 1_000_000
            if kind == "put":
                state = put(state, [garment(item, title=f"t{second}", updated_at=iso(second))], NOW).state
            elif kind == "stock":
                state = restock(state, [Stock(item, second, at)]).state
            else:
                changed = hide(state, item, at)
                state = changed.state if changed else state
        items = state.model.world.dataset.items
        stock = dict(
            zip(items["item_id"], items["stock"] if "stock" in items.columns else [None] * len(items), strict=True)
        )
        ends.append([(state.index(i) >= 0, state.index(i) >= 0 and row_of(state, i)["title"], stock[i]) for i in "ab"])
    assert ends[0] == ends[1]


def test_chunks_are_the_same_as_all_at_once(state, garment) -> None:
    rows = [garment(f"bulk{n}", price=1.0 + n % 50) for n in range(2000)]
    many = state
    for start in range(0, len(rows), 500):
        many = put(many, rows[start : start + 500], NOW).state
    together = put(state, rows, NOW).state
    assert many.model.world.dataset.items.equals(together.model.world.dataset.items)
    left, right = many.model.world.catalogue.features.matrix, together.model.world.catalogue.features.matrix
    assert (left != right).nnz == 0
