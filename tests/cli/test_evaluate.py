import json

import pytest

QUICK = ["--methods", "popularity,content_knn", "--seeds", 1, "--max-users", 40]


def test_table_json_report_and_picture(muslin, dataset, tmp_path) -> None:
    outputs = ["--json", "r.json", "--html", "r.html", "--svg", "r.svg"]
    found = muslin("evaluate", dataset, "--protocol", "warm,item-cold", *QUICK, *outputs)
    rows = json.loads((tmp_path / "r.json").read_text())
    assert found.status == 0
    assert {r["method"] for r in rows} == {"random", "popularity", "content_knn"}
    assert {r["protocol"] for r in rows} == {"warm", "item-cold"}
    assert "content_knn" in found.out
    assert "<html" in (tmp_path / "r.html").read_text()
    assert "<svg" in (tmp_path / "r.svg").read_text()


def test_json_is_alone_on_standard_output(muslin, dataset) -> None:
    found = muslin("evaluate", dataset, "--protocol", "user-cold", "--k", "0,2", *QUICK, "--json", "-")
    assert {r["k"] for r in json.loads(found.out)} == {0, 2}
    assert "content_knn" in found.err


def test_finished_answers_are_kept(muslin, dataset, tmp_path, monkeypatch) -> None:
    command = ["evaluate", dataset, "--protocol", "warm", *QUICK, "--cache", "kept"]
    first = muslin(*command)

    def fits_again(*_: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr("muslin.recipes.evaluate.fit_world", fits_again)
    assert muslin(*command).out == first.out


@pytest.mark.parametrize(
    ("options", "told"),
    [([], "with --cache DIR the next run could go on"), (["--cache", "kept"], "finished answers are kept in kept")],
)
def test_an_interruption_says_what_was_kept(muslin, dataset, monkeypatch, options, told) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("muslin.recipes.evaluate.fit_world", interrupt)
    found = muslin("evaluate", dataset, *QUICK, *options)
    assert (found.status, found.out) == (130, "")
    assert told in found.err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--k", "1,x"], "bad_number"),
        (["--k", "-1"], "bad_k"),
        (["--methods", ","], "empty_list"),
        (["--methods", "oracle"], "no_oracle"),
        (["--seeds", "0"], "bad_argument"),
        (["--html", "nowhere/r.html"], "no_directory"),
    ],
)
def test_wrong_use(muslin, dataset, options, code) -> None:
    found = muslin("evaluate", dataset, *options)
    assert (found.status, found.out) == (2, "")
    assert f"code: {code}\n" in found.err


def test_rivals_of_ours_and_of_other_projects_stand_beside_what_is_judged(muslin, dataset) -> None:
    command = ["evaluate", dataset, "--protocol", "warm", "--methods", "content_knn", "--seeds", 1, "--max-users", 40]
    found = muslin(*command, "--against", "implicit-itemknn,popularity_category", "--json", "-")
    rows = [r for r in json.loads(found.out) if r["metric"] == "ndcg@20"]
    names = {"random", "popularity", "content_knn", "implicit-itemknn", "popularity_category"}
    assert {r["method"] for r in rows} == names
    assert len({(r["n_users"], r["n_items"]) for r in rows}) == 1


def test_a_rival_nobody_knows_is_refused(muslin, dataset) -> None:
    found = muslin("evaluate", dataset, "--against", "lightfn")
    assert found.status == 2
    assert "lightfm" in found.err


def test_all_stands_for_every_method(muslin, dataset, monkeypatch) -> None:
    monkeypatch.setattr("muslin.cli.evaluate.every", lambda: ("content_knn", "popularity_category"))
    found = muslin("evaluate", dataset, "--protocol", "warm", "--methods", "all", *QUICK[2:], "--json", "-")
    assert {r["method"] for r in json.loads(found.out)} == {
        "random",
        "popularity",
        "content_knn",
        "popularity_category",
    }
