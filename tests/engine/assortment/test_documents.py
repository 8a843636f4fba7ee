"""What was said of garments meets a model trained since: the newest word wins, and encoders are not mixed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.schema import Encoded
from muslin.engine.assortment.change import Stock, hide, patch, put, restock
from muslin.engine.assortment.documents import document, restored
from muslin.engine.assortment.state import Assortment, fresh
from muslin.engine.model import Model
from muslin.features.encoders import named
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop

PICTURE, WORDS = "picture_x", "words_x"


def day(n: int) -> int:
    """µs of 1 November 2020 and `n` days."""
    return 1_604_188_800_000_000 + n * 86_400_000_000


def fitted(change: Callable[[pl.DataFrame], pl.DataFrame], **schema: Any) -> Model:
    shop: Dataset = tiny_shop(items=60, users=60, events=300)
    return fit(replace(shop, items=change(shop.items), schema=replace(shop.schema, **schema)), "content_knn")


def exported(at: int, **columns: Any) -> Model:
    """A model of an export made at `at` (µs)."""
    values = [pl.lit(datetime.fromtimestamp(at / 1e6, UTC)).alias("updated_at")]
    return fitted(lambda items: items.with_columns(*values, **columns))


@pytest.fixture(scope="module")
def first() -> Model:
    return exported(day(0), stock=pl.lit(5.0))


@pytest.fixture(scope="module")
def second() -> Model:
    """A week later every title is another and there are eight of each."""
    return exported(day(8), stock=pl.lit(8.0), title=pl.lit("corrected"))


def said(state: Assortment, item: str) -> dict[str, Any]:
    items = state.model.world.dataset.items
    return items.row(int(state.model.world.item_rows([item])[0]), named=True)


def changed(model: Model, at: int) -> list[dict[str, Any]]:
    """Documents of a catalogue in which, at `at`, one price fell, one garment left, one came and one sold out."""
    state = fresh(model)
    for change in (
        lambda s: patch(s, "g0001", {"price": 1.5}, at),
        lambda s: hide(s, "g0002", at),
        lambda s: put(s, [{"item_id": "new", "title": "red dress"}], at),
        lambda s: restock(s, [Stock("g0003", 0, at)]),
    ):
        done = change(state)
        assert done is not None
        state = done.state
    return [document(state, item) for item in ("g0001", "g0002", "g0003", "new")]


def test_an_older_document_yields_to_the_catalogue_of_a_newer_model(first, second) -> None:
    state, lost = restored(second, changed(first, day(2)))
    assert lost == ()
    assert (said(state, "g0001")["title"], said(state, "g0001")["price"] == 1.5) == ("corrected", False)
    assert (state.index("g0002") >= 0, said(state, "g0003")["stock"]) == (True, 8)
    assert state.index("new") >= 0
    assert (state.stamps[:60] == day(8)).all()
    late = put(state, [{"item_id": "g0001", "title": "late", "updated_at": day(5) // 1000}], day(9))
    assert late.outcome.older == 1


def test_a_newer_document_wins_over_the_catalogue_of_the_model(first, second) -> None:
    state, _ = restored(second, changed(first, day(9)))
    assert (said(state, "g0001")["title"] != "corrected", said(state, "g0001")["price"]) == (True, 1.5)
    assert (state.index("g0002"), said(state, "g0003")["stock"], said(state, "g0003")["title"]) == (-1, 0, "corrected")


def test_a_row_and_its_stock_are_compared_by_their_own_times(first, second) -> None:
    state = put(fresh(first), [{"item_id": "g0001", "title": "old", "stock": 3}], day(2)).state
    state = restock(state, [Stock("g0001", 1, day(9))]).state
    again, _ = restored(second, [document(state, "g0001")])
    assert (said(again, "g0001")["title"], said(again, "g0001")["stock"]) == ("corrected", 1)


def test_the_model_before_gets_the_newer_row_when_it_serves_again(first, second) -> None:
    """A garment that came after the first model was trained must not get lost to it by a change since."""
    state = put(fresh(first), [{"item_id": "new", "title": "red dress"}], day(2)).state
    found = first.world.dataset.items.with_columns(updated_at=pl.lit(day(8)).cast(pl.Datetime("us", "UTC")))
    more = found.head(1).with_columns(item_id=pl.lit("new"), family=pl.lit("new"))
    later, _ = restored(fitted(lambda _: pl.concat([found, more])), [document(state, "new")])
    sold = restock(later, [Stock("new", 0, day(9))]).state
    back, lost = restored(first, [document(sold, "new")])
    assert lost == ()
    assert (said(back, "new")["title"], said(back, "new")["stock"]) == (said(later, "new")["title"], 0)


class Letters:
    """Reads a text as how often it has a, b, c and d, and `shift`; another `shift` is another version."""

    name, width = "letters", 4

    def __init__(self, shift: float) -> None:
        self.shift, self.version = shift, f"letters {shift}"

    def encode(self, texts: list[str]) -> np.ndarray:
        counts = [[text.count(c) + self.shift for c in "abcd"] for text in texts]
        return np.array(counts, dtype=np.float32).reshape(len(texts), 4)


def encoding(monkeypatch: pytest.MonkeyPatch, shift: float) -> Model:
    """A model whose titles are read by `Letters`, and whose pictures by what gives them `shift` everywhere."""
    monkeypatch.setitem(named.WORDS, "letters", lambda: Letters(shift))
    named._aligned.cache_clear()
    encoder = named.text_encoder("letters")
    schema = tiny_shop().schema
    roles = replace(schema.items, vector=(WORDS, PICTURE))
    encoded = {
        WORDS: Encoded(encoder="letters", version=encoder.version, text="title"),
        PICTURE: Encoded(encoder="eyes", version=f"eyes {shift}"),
    }

    def read(items: pl.DataFrame) -> pl.DataFrame:
        words = encoder.encode(items["title"].to_list()).tolist()
        eyes = [[shift, 1.0]] * len(items)
        kind = pl.List(pl.Float32)
        return items.with_columns(pl.Series(WORDS, words, dtype=kind), pl.Series(PICTURE, eyes, dtype=kind))

    return fitted(read, items=roles, encoded=encoded)


def test_vectors_of_the_encoder_before_are_not_mixed_with_those_of_the_model(monkeypatch) -> None:
    old = encoding(monkeypatch, 0.25)
    state = patch(fresh(old), "g0001", {"price": 1.5}, day(2)).state  # type: ignore[union-attr]
    state = put(state, [{"item_id": "new", "title": "red dress", PICTURE: [0.25, 2.0]}], day(2)).state
    kept = [document(state, item) for item in ("g0001", "new")]
    same, _ = restored(old, kept)
    assert same.model.world.dataset.items.equals(state.model.world.dataset.items)
    again, lost = restored(encoding(monkeypatch, 0.5), kept)
    model = again.model.world.dataset.items
    assert lost == ()
    assert said(again, "g0001")["price"] == 1.5
    expected = named.text_encoder("letters").encode(model["title"].to_list())
    assert np.allclose(np.array(model[WORDS].to_list()), expected, atol=1e-3)  # the cache keeps less than float32
    assert [vector[0] for vector in model[PICTURE].head(60).to_list()] == [0.5] * 60
    assert said(again, "new")[PICTURE] is None  # its picture is not at hand, and the vector sent was of another encoder
    assert document(again, "g0001")["made"] != kept[0]["made"]


def test_a_row_with_its_own_vector_keeps_no_other_from_getting_one(monkeypatch) -> None:
    model = encoding(monkeypatch, 0.25)
    own = [9.0, 8.0, 7.0, 6.0]
    rows = [{"item_id": "a", "title": "bad", WORDS: own}, {"item_id": "b", "title": "bad"}, {"item_id": "c"}]
    state = put(fresh(model), rows, day(2)).state
    alone = put(fresh(model), [{"item_id": "b", "title": "bad"}], day(2)).state
    assert said(state, "a")[WORDS] == own
    assert said(state, "b")[WORDS] == said(alone, "b")[WORDS] is not None
    assert said(state, "c")[WORDS] is None
