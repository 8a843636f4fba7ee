import json
import subprocess
import sys

import polars as pl
import pytest

from muslin.engine.filters import Filters
from muslin.engine.model import Model


@pytest.fixture(scope="session")
def loaded(model) -> Model:
    return Model.load(model)


def test_the_answer_is_the_library_s(muslin, model, loaded) -> None:
    found = muslin("recommend", model, "--user", "u0003", "-n", 7, "--json", "-")
    rows = json.loads(found.out)
    wanted = loaded.recommend("u0003", 7)
    assert found.status == 0
    assert pl.DataFrame([{c: r[c] for c in wanted.columns} for r in rows], schema=wanted.schema).equals(wanted)
    assert set(rows[0]) == {*wanted.columns, "title", "category", "price"}


def test_filters_are_the_library_s(muslin, model, loaded) -> None:
    options = ["--price", "20:60", "--category", "dress", "--category", "coat", "--domain", "apparel", "--in-stock"]
    rows = json.loads(muslin("recommend", model, "--user", "u0003", *options, "--exclude", "g0001", "--json", "-").out)
    filters = Filters(
        in_stock=True,
        price=(20, 60),
        categories=("dress", "coat"),
        domains=("apparel",),
        exclude_items=("g0001",),
    )
    assert [r["item_id"] for r in rows] == loaded.recommend("u0003", filters=filters)["item_id"].to_list()
    assert rows
    assert all(20 <= r["price"] <= 60 for r in rows)


def test_people_see_titles(muslin, model, loaded) -> None:
    out = muslin("recommend", model, "--user", "u0003", "-n", 3).out
    best = loaded.recommend("u0003", 3)["item_id"]
    titles = dict(loaded.world.dataset.items.select("item_id", "title").iter_rows())
    lines = out.splitlines()
    assert lines[0] == "For u0003, by content_knn"
    assert lines[1].split() == ["rank", "item_id", "title", "category", "price", "score", "path"]
    for place, (line, item) in enumerate(zip(lines[2:], best, strict=True), start=1):
        assert line.split()[:2] == [str(place), item]
        assert titles[item] in line


def test_a_stranger_s_clicks_count(muslin, model, loaded, tmp_path) -> None:
    (tmp_path / "clicks.csv").write_text("item_id,event,when\ng0000,click,today\ng0007,view,now\n")
    rows = json.loads(muslin("recommend", model, "--events", "clicks.csv", "--json", "-").out)
    events = pl.DataFrame({"user_id": [""] * 2, "item_id": ["g0000", "g0007"], "event": ["click", "view"]})
    assert [r["item_id"] for r in rows] == loaded.recommend("", events=events)["item_id"].to_list()
    assert {r["path"] for r in rows} <= {"warming", "cold"}
    assert not {"g0000", "g0007"} & {r["item_id"] for r in rows}


def test_events_of_several_shoppers_in_parquet(muslin, model, tmp_path) -> None:
    pl.DataFrame({"user_id": ["new", "u0003"], "item_id": ["g0000", "g0007"]}).write_parquet(tmp_path / "e.parquet")
    found = muslin("recommend", model, "--events", "e.parquet", "-n", 2, "--json", "-")
    assert [r["user_id"] for r in json.loads(found.out)] == ["new", "new", "u0003", "u0003"]
    assert "For new, by" in found.err
    assert "For u0003, by" in found.err


def test_a_stranger_is_answered_and_told(muslin, model) -> None:
    found = muslin("recommend", model, "--user", "nobody", "-n", 2)
    assert found.status == 0
    assert found.out.count("fallback") == 2
    assert "has never seen shopper 'nobody'" in found.err


def test_names_that_match_nothing_are_told(muslin, model) -> None:
    options = ["--category", "dres", "--domain", "aparel", "--exclude", "zzz"]
    found = muslin("recommend", model, "--user", "u0003", *options, "--json", "-")
    assert (found.status, json.loads(found.out)) == (0, [])
    for text in ("did you mean 'dress'?", "did you mean 'apparel'?", "no item 'zzz'", "no garment passes the filters"):
        assert text in found.err


@pytest.mark.parametrize(
    ("content", "code", "where"),
    [
        ("item_id\ng0000\nzzz\n", "unknown_item", "e.csv:3"),
        ("item_id,event\ng0000,clik\n", "unknown_event", "e.csv:2"),
        ("item_id,event\ng0000,\n", "unknown_event", "e.csv:2"),
        ("item_id,user_id\ng0000,u1\ng0000,\n", "empty_id", "e.csv:3"),
        ("item_id\n", "empty_file", "e.csv"),
        ("item,event\ng0000,click\n", "missing_header", "e.csv:1"),
        ("item_id,event\ng0000,click,2\n", "ragged_row", "e.csv:2"),
    ],
)
def test_bad_events_are_named_by_line(muslin, model, tmp_path, content, code, where) -> None:
    (tmp_path / "e.csv").write_text(content)
    found = muslin("recommend", model, "--events", "e.csv")
    assert (found.status, found.out) == (3, "")
    assert f"where: {where}\n" in found.err
    assert f"code: {code}\n" in found.err


@pytest.mark.parametrize("who", [[], ["--user", "a", "--events", "b"]])
def test_exactly_one_shopper_is_asked_for(muslin, model, who) -> None:
    assert (muslin("recommend", model, *who).status, "code: no_shopper" in muslin("recommend", model, *who).err) == (
        2,
        True,
    )


def test_json_to_a_file(muslin, model, tmp_path) -> None:
    found = muslin("recommend", model, "--user", "u0003", "-n", 2, "--json", "answer.json")
    assert "For u0003" in found.out
    assert [r["rank"] for r in json.loads((tmp_path / "answer.json").read_text())] == [1, 2]


@pytest.mark.parametrize("target", ["nowhere/a.json", "."])
def test_json_that_cannot_be_written_is_refused_first(muslin, target) -> None:
    found = muslin("recommend", "no-model", "--user", "u", "--json", target)
    assert found.status == 2  # and not 4 for the model: nothing was tried


def test_standard_output_of_a_real_process_is_json(model) -> None:
    command = [sys.executable, "-m", "muslin.cli", "recommend", model, "--user", "nobody", "-n", "3", "--json", "-"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [r["rank"] for r in json.loads(found.stdout)] == [1, 2, 3]
