import json

import pytest


def test_tables_json_and_report(muslin, dataset, tmp_path) -> None:
    found = muslin("features", dataset, "--json", "f.json", "--html", "f.html")
    assert found.status == 0
    assert "150 garments in 75 families" in found.out
    assert "add --worth" in found.err
    whole = json.loads((tmp_path / "f.json").read_text())
    assert [c["name"] for c in whole["items"]] == ["department", "kind", "colour", "tags", "price", "title"]
    assert whole["worth"] is None
    assert "<html" in (tmp_path / "f.html").read_text()


def test_json_is_alone_on_standard_output(muslin, dataset) -> None:
    found = muslin("features", dataset, "--json", "-")
    assert json.loads(found.out)["overview"]["items"] == 150
    assert "150 garments" in found.err


def test_worth_is_measured_when_asked(muslin, dataset, tmp_path) -> None:
    options = ["--worth", "--method", "content_knn", "--seeds", 1, "--max-users", 40]
    found = muslin("features", dataset, *options, "--json", "f.json")
    assert found.status == 0
    worth = json.loads((tmp_path / "f.json").read_text())["worth"]
    assert (worth["method"], worth["splits"], len(worth["features"])) == ("content_knn", 1, 6)
    assert "add --worth" not in found.err


def test_an_interruption_says_so(muslin, dataset, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("muslin.recipes.features.survey", interrupt)
    found = muslin("features", dataset, "--html", "f.html")
    assert (found.status, found.out) == (130, "")
    assert "nothing was written" in found.err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--method", "populrity"], "unknown_method"),
        (["--html", "nowhere/f.html"], "no_directory"),
        (["--max-bad", "x"], "bad_share"),
        (["--seeds", "0"], "bad_argument"),
        (["--pictures", ","], "empty_list"),
        (["--wort"], "unknown_option"),
    ],
)
def test_wrong_use(muslin, dataset, options, code) -> None:
    found = muslin("features", dataset, *options)
    assert (found.status, found.out) == (2, "")
    assert f"code: {code}\n" in found.err


def test_a_missing_dataset_is_named(muslin) -> None:
    found = muslin("features", "nowhere")
    assert (found.status, found.out) == (3, "")
    assert "code: missing_file" in found.err
