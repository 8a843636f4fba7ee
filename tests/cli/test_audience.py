import json
from dataclasses import replace

import pytest

from muslin.cli.inputs import read_garments
from muslin.engine.model import Model
from muslin.recipes.fit import fit

NEW = {
    "item_id": "new1",
    "title": "red dress",
    "department": "womenswear",
    "kind": "dress",
    "colour": "red",
    "price": 30,
}


def test_the_answer_is_the_library_s(muslin, model) -> None:
    rows = json.loads(muslin("audience", model, "--item", "g0004", "-n", 6, "--json", "-").out)
    assert rows == Model.load(model).recommend_to_items("g0004", 6).to_dicts()


def test_a_garment_nobody_has_seen(muslin, model, tmp_path) -> None:
    (tmp_path / "new.json").write_text(json.dumps(NEW))
    found = muslin("audience", model, "--new-item", "new.json", "-n", 5, "--json", "-")
    rows = json.loads(found.out)
    assert [r["item_id"] for r in rows] == ["new1"] * 5
    assert {r["path"] for r in rows} == {"cold"}
    assert "Shoppers for new1 (red dress), by content_knn" in found.err


def test_several_garments(muslin, model, tmp_path) -> None:
    (tmp_path / "new.json").write_text(json.dumps([NEW, {"item_id": "new2", "title": "blue bag", "tags": ["blue"]}]))
    rows = json.loads(muslin("audience", model, "--new-item", "new.json", "-n", 2, "--json", "-").out)
    assert [r["item_id"] for r in rows] == ["new1", "new1", "new2", "new2"]


def test_whole_and_other_numbers_go_together(tmp_path) -> None:
    garments = [{"item_id": "a", "price": 30, "v": [1, 2]}, {"item_id": "b", "price": 29.9, "v": [0.5, 1]}]
    (tmp_path / "new.json").write_text(json.dumps(garments))
    assert read_garments(tmp_path / "new.json").to_dicts() == garments


def test_the_same_garment_twice_is_one(muslin, model, tmp_path) -> None:
    (tmp_path / "new.json").write_text(json.dumps([NEW, NEW]))
    rows = json.loads(muslin("audience", model, "--new-item", "new.json", "-n", 2, "--json", "-").out)
    assert [r["item_id"] for r in rows] == ["new1", "new1"]


def test_those_who_like_its_kind_come_first(muslin, model, tmp_path) -> None:
    loaded = Model.load(model)
    (tmp_path / "new.json").write_text(json.dumps(NEW))
    rows = json.loads(muslin("audience", model, "--new-item", "new.json", "-n", 10, "--json", "-").out)
    bought = loaded.world.dataset.events.join(loaded.world.dataset.items, on="item_id")
    share = {
        user: ((frame["kind"] == "dress") | (frame["colour"] == "red")).mean()
        for (user,), frame in bought.group_by("user_id")
    }
    theirs = sum(share[r["user_id"]] for r in rows) / len(rows)
    assert theirs > 2 * sum(share.values()) / len(share)


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ('{"item_id": "n",\n "title": }', "bad_json", "new.json:2"),
        ("[]", "bad_json", "new.json"),
        ("3", "bad_json", "new.json"),
        (b"\xff", "wrong_encoding", "new.json"),
        (None, "missing_file", "new.json"),
        ('{"title": "x"}', "wrong_type", "garment 1"),
        ('{"item_id": 5, "title": "x"}', "wrong_type", "garment 1"),
        ('[{"item_id": "a", "title": "x"}, {"item_id": "b", "title": 5}]', "wrong_type", "field 'title'"),
        ('{"item_id": "a", "title": "\\ud800"}', "wrong_type", "field 'title'"),
        ('{"item_id": "a", "price": {"EUR": 3}}', "wrong_type", "column 'price'"),
        ("[" * 5000 + "]" * 5000, "bad_json", "new.json"),
        ('{"item_id": "a", "tags": ' + "[" * 900 + "1.5" + "]" * 900 + "}", "wrong_type", "tags"),
        ('{"item_id": "a", "price": ' + "9" * 5000 + "}", "bad_json", "new.json"),
        ('{"item_id": "a", "price": 1' + "0" * 60 + "}", "wrong_type", "field 'price'"),
        ('[{"item_id": "a"}, {"item_id": "b", "price": NaN}]', "bad_price", "garment 2"),
        ('[{"item_id": "a"}, {"item_id": "b", "colur": "red"}]', "unknown_column", "garment 2"),
        ('{"item_id": "n", "title": "x", "colur": "red"}', "unknown_column", "garment 1"),
        ('{"item_id": "n", "title": "x", "price": "free"}', "bad_price", "garment 1"),
        ('{"item_id": "n", "title": "x", "price": -1}', "bad_price", "garment 1"),
        ('{"item_id": "n n", "title": "x"}', "bad_id", "garment 1"),
        ('[{"item_id": "n", "title": "x"}, {"item_id": "n", "title": "y"}]', "duplicate_id", "garment 1"),
    ],
)
def test_bad_descriptions_are_named(muslin, model, tmp_path, content, code, place) -> None:
    if content is not None:
        (tmp_path / "new.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    found = muslin("audience", model, "--new-item", "new.json")
    assert (found.status, found.out) == (3, "")
    assert f"code: {code}\n" in found.err
    where = found.err.partition("where: ")[2].splitlines()[0]
    assert where.startswith("new.json")
    assert place in where


def test_an_unknown_item_says_how_to_describe_one(muslin, model) -> None:
    found = muslin("audience", model, "--item", "zzz")
    assert found.status == 2
    assert "--new-item FILE" in found.err


@pytest.mark.parametrize("what", [[], ["--item", "g0001", "--new-item", "x.json"]])
def test_exactly_one_garment_is_asked_for(muslin, model, what) -> None:
    found = muslin("audience", model, *what)
    assert (found.status, "code: no_garment" in found.err) == (2, True)


@pytest.fixture(scope="session")
def bare(shop, tmp_path_factory):
    """A model of a catalogue with neither titles nor categories, whose price is a number like any other."""
    roles = replace(shop.schema.items, title=None, price=None, category=(), text=())
    made = fit(replace(shop, schema=replace(shop.schema, items=roles)), "content_knn")
    return made.save(tmp_path_factory.mktemp("cli") / "bare")


def test_a_catalogue_without_titles(muslin, bare) -> None:
    assert muslin("audience", bare, "--item", "g0004", "-n", 1).out.startswith("Shoppers for g0004, by content_knn\n")
    head = muslin("recommend", bare, "--user", "u0003", "-n", 1).out.splitlines()[1]
    assert head.split() == ["rank", "item_id", "score", "path"]


def test_a_word_for_a_number_is_refused(muslin, bare, tmp_path) -> None:
    (tmp_path / "new.json").write_text('{"item_id": "n", "price": "cheap"}')
    found = muslin("audience", bare, "--new-item", "new.json")
    assert (found.status, "code: not_a_number" in found.err) == (3, True)
    assert "price 'cheap' is not a finite number" in found.err
    assert "where: new.json, garment 1\n" in found.err
