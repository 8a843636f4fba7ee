"""What is alike: against a loop that says it plainly, without families, over the columns both sides have."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from muslin.engine import similar as module
from muslin.engine.similar import agreement, similar, similar_to_words
from muslin.errors import UsageError
from muslin.features.embed import Encoders, enriched
from muslin.features.encoders import named
from muslin.features.space import encode
from muslin.random import stream
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop

SCHEMA = {"item_id": pl.String, "similar_id": pl.String, "score": pl.Float32, "rank": pl.Int64}


@pytest.fixture(scope="module")
def world():
    """A shop whose garments have vectors, every third none, and some of whose garments have no events."""
    shop = tiny_shop(items=120, users=80, events=300)
    vectors = stream(0, "similar").normal(size=(120, 6)).tolist()
    column = pl.Series("look", [None if i % 3 == 0 else v for i, v in enumerate(vectors)], dtype=pl.List(pl.Float32))
    roles = replace(shop.schema.items, vector=("look",))
    return encode(replace(shop, items=shop.items.with_columns(column), schema=replace(shop.schema, items=roles)))


def columns_of(world, names=None):
    """Each column's rows as a plain matrix."""
    features = world.catalogue.features
    matrix = features.matrix.toarray()
    found = {b.name: matrix[:, b.start : b.stop] for b in features.blocks} | {d.name: d.vectors for d in features.dense}
    return [found[name] for name in names or found]


def naive(world, item, k, names=None):
    """Scores of one garment with every other, one column at a time."""
    ids, family = world.catalogue.ids, world.catalogue.family
    here = list(ids).index(item)
    scored = []
    for there in range(len(ids)):
        cosines = []
        for rows in columns_of(world, names):
            a, b = rows[here].astype(float), rows[there].astype(float)
            if a.any() and b.any():
                cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        if cosines and family[there] != family[here]:
            scored.append((-round(float(np.mean(cosines)), 5), ids[there]))
    return [(name, -score) for score, name in sorted(scored)][:k]


@pytest.mark.parametrize("names", [None, ["look"], ["colour", "kind"], ["look", "title"], ["tags"]])
def test_it_is_the_mean_cosine_of_the_columns_both_have(world, names) -> None:
    asked = ["g0003", "g0004", "g0100"]
    found = similar(world, asked, 12, columns=names)
    assert found.schema == SCHEMA
    for item in asked:
        mine, expected = found.filter(pl.col("item_id") == item), naive(world, item, 12, names)
        assert mine["rank"].to_list() == list(range(1, len(expected) + 1))
        assert np.allclose(mine["score"], [score for _, score in expected], atol=2e-5)
        if names != ["look", "title"] and names is not None:
            assert mine["similar_id"].to_list() == [name for name, _ in expected]


def test_equal_garments_are_in_order_of_id(world) -> None:
    red = similar(world, ["g0000"], 200, columns=["colour"]).filter(pl.col("score") == 1)["similar_id"].to_list()
    assert len(red) > 5
    assert red == sorted(red)
    assert red[:3] == similar(world, ["g0000"], 3, columns=["colour"])["similar_id"].to_list()


def test_the_family_is_left_out(world) -> None:
    families = dict(world.dataset.items.select("item_id", "family").iter_rows())
    found = similar(world, world.catalogue.ids.tolist(), 500)
    assert len(found) == 120 * 118
    assert not [1 for a, b in found.select("item_id", "similar_id").iter_rows() if families[a] == families[b]]


def test_a_missing_column_is_neither_near_nor_far(world) -> None:
    """g0000 and g0003 have no vector: nothing to say by it alone, and beside another it changes nothing."""
    assert similar(world, ["g0000"], 5, columns=["look"]).is_empty()
    assert "g0003" not in similar(world, ["g0001"], 200, columns=["look"])["similar_id"].to_list()
    both = similar(world, ["g0000"], 200, columns=["look", "colour"])
    assert both.equals(similar(world, ["g0000"], 200, columns=["colour"]))


def test_blocks_change_nothing(world, monkeypatch) -> None:
    asked = world.catalogue.ids[:50].tolist()
    whole = similar(world, asked, 5)
    monkeypatch.setattr(module, "BLOCK_CELLS", 700)
    assert whole.equals(similar(world, asked, 5))


def test_a_model_answers_for_one_for_several_and_for_newcomers(model) -> None:
    one, two = model.similar("g0003"), model.similar(["g0005", "g0003"], k=10)
    assert one.schema == SCHEMA
    assert len(one) == 10
    assert two["item_id"].unique(maintain_order=True).to_list() == ["g0005", "g0003"]
    assert two.filter(pl.col("item_id") == "g0003").equals(one)
    assert model.similar([]).schema == SCHEMA
    red_dress = pl.DataFrame({"item_id": ["new"], "kind": ["dress"], "colour": ["red"], "title": ["red dress"]})
    near = model.with_items(red_dress).similar("new", columns="kind")
    kinds = dict(model.world.dataset.items.select("item_id", "kind").iter_rows())
    assert {kinds[name] for name in near["similar_id"]} == {"dress"}


@pytest.mark.parametrize(
    ("items", "options", "code", "fix"),
    [
        ("nothing", {}, "unknown_item", "with_items"),
        ("g0003", {"columns": ["color"]}, "unknown_column", "'colour'"),
        ("g0003", {"columns": []}, "no_columns", "colour"),
        ("g0003", {"k": 0}, "bad_k", "one or more"),
    ],
)
def test_bad_requests_are_named(model, items, options, code, fix) -> None:
    with pytest.raises(UsageError) as caught:
        model.similar(items, **options)
    assert caught.value.code == code
    assert fix in caught.value.fix


def test_agreement_is_counted_pair_by_pair(world) -> None:
    found = similar(world, world.catalogue.ids.tolist(), 4, columns=["title"])
    value = dict(world.dataset.items.select("item_id", "kind").iter_rows())
    same = [(rank, value[a] == value[b]) for a, b, rank in found.select("item_id", "similar_id", "rank").iter_rows()]
    got = agreement(world, found, "kind")
    assert got.found == pytest.approx(np.mean([s for _, s in same]))
    assert got.nearest == pytest.approx(np.mean([s for rank, s in same if rank == 1]))
    assert got.chance == pytest.approx(np.mean([a == b for a in value.values() for b in value.values()]))
    assert np.isnan(agreement(world, found.clear(), "kind").nearest)
    with pytest.raises(UsageError, match="unknown_column"):
        agreement(world, found, "no such")


class Letters:
    """Stands in for an encoder of words: how often each letter occurs, whatever the language says."""

    name, version, width = "letters", "1", 26

    def encode(self, texts):
        counts = np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], dtype=np.float32)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-6)


@pytest.fixture
def reading(monkeypatch):
    """A world whose titles and colours were read by `Letters`."""
    monkeypatch.setitem(named.WORDS, "letters", Letters)
    return encode(enriched(tiny_shop(), Encoders(words=("letters", "letters@colour"))))


def test_words_are_compared_as_if_they_stood_in_the_column(reading) -> None:
    """The title of a garment finds that garment's like with the scores the garment itself has."""
    title = reading.dataset.items.row(0, named=True)["title"]
    found = similar_to_words(reading, [title, " "], 500, columns="words_letters")
    assert found.schema == {**{"text": pl.String}, **{k: v for k, v in SCHEMA.items() if k != "item_id"}}
    assert found["text"].unique().to_list() == [title]
    item = reading.dataset.items["item_id"][0]
    own = similar(reading, [item], 500, columns=["words_letters"])
    joined = own.join(found, on="similar_id", suffix="_of_words")
    assert len(joined) == len(own)
    assert np.allclose(joined["score"], joined["score_of_words"], atol=1e-5)
    titles = dict(reading.dataset.items.select("item_id", "title").iter_rows())
    assert titles[found["similar_id"][0]] == title
    assert found["score"][0] == pytest.approx(1, abs=1e-5)


def test_words_are_read_in_every_encoded_column_unless_named(reading) -> None:
    both = similar_to_words(reading, ["red"], 150)
    each = [similar_to_words(reading, ["red"], 150, columns=[c]) for c in ("words_letters", "words_letters_colour")]
    mean = both.join(each[0], on="similar_id", suffix="_a").join(each[1], on="similar_id", suffix="_b")
    assert np.allclose(mean["score"], (mean["score_a"] + mean["score_b"]) / 2, atol=1e-5)
    assert both.equals(similar_to_words(reading, ["red"], 150, columns=["words_letters", "words_letters_colour"]))


def test_words_need_a_column_of_words(reading, world) -> None:
    with pytest.raises(UsageError, match="unknown_column"):
        similar_to_words(reading, ["red"], 3, columns=["title"])
    with pytest.raises(UsageError, match="no_columns"):
        similar_to_words(world, ["red"], 3)


def test_a_saved_model_finds_the_same(tmp_path) -> None:
    model = fit(tiny_shop(), "content_knn")
    model.save(tmp_path / "model")
    assert type(model).load(tmp_path / "model").similar("g0003").equals(model.similar("g0003"))
