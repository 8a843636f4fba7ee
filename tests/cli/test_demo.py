import json
import shlex

import pytest

from muslin.data.sources.boutique import BoutiqueConfig
from muslin.recipes import demo as recipe
from muslin.recipes.fit import fit

TINY = BoutiqueConfig(n_items=60, n_users=80, n_events=900, pictures=False)


@pytest.fixture(autouse=True)
def tiny(monkeypatch) -> None:
    """The demonstration in seconds: a tiny boutique, and content neighbours in place of training."""

    def quick_fit(dataset, *, checkpoint):
        return fit(dataset, "content_knn", checkpoint=checkpoint)

    monkeypatch.setattr(recipe, "QUICK", TINY)
    monkeypatch.setattr(recipe, "fit", quick_fit)
    monkeypatch.setattr("muslin.recipes.evaluate.USUAL", ("content_knn", "popularity"))


def test_the_whole_path(muslin, tmp_path) -> None:
    found = muslin("demo", "--quick", "--out", "shown", "--json", "-")
    facts = json.loads(found.out)
    assert found.status == 0
    assert set(facts) == {"dataset", "model", "report", "rows", "stranger", "audience"}
    assert (tmp_path / "shown/report.html").is_file()
    assert {row["path"] for row in facts["audience"]} == {"cold"}
    assert {row["method"] for row in facts["rows"]} >= {"oracle", "random", "content_knn"}
    assert [row["rank"] for row in facts["stranger"]] == list(range(1, 9))

    # What it says to type gives what it showed.
    said = [line.strip() for line in found.err.splitlines() if line.strip().startswith("muslin ")]
    recommend, audience = (shlex.split(line)[1:] for line in said if "serve" not in line)
    assert json.loads(muslin(*recommend, "-n", 8, "--json", "-").out) == facts["stranger"]
    assert json.loads(muslin(*audience, "-n", 5, "--json", "-").out) == facts["audience"]
    assert "muslin serve shown/model" in found.err
    body = json.loads(found.err.partition("-d '")[2].partition("'")[0])
    assert len(body["context_items"]) == 2


def test_a_second_run_fits_no_method_again(muslin, monkeypatch) -> None:
    first = muslin("demo", "--quick", "--out", "shown")
    monkeypatch.setattr("muslin.recipes.evaluate.fit_world", None)
    again = muslin("demo", "--quick", "--out", "shown")
    assert (again.status, again.out) == (0, first.out)


def test_an_interruption_says_how_to_go_on(muslin, monkeypatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "learn", interrupt)
    found = muslin("demo", "--quick", "--out", "shown")
    assert found.status == 130
    assert "what is done is kept in shown" in found.err


def test_only_its_own_model_is_replaced(muslin, tmp_path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/letter").write_text("dear")
    found = muslin("demo", "--quick", "--out", ".")
    assert (found.status, "code: not_a_model" in found.err) == (2, True)
    assert (tmp_path / "model/letter").exists()
