"""The command: what it prints and writes, its exit statuses, and that nothing is left behind when it fails."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from muslin.engine.model import Model
from muslin.transfer import matrix, run, ship
from muslin.transfer.plan import Plan

PAIR = ["--source", "accessories", "--target", "apparel"]
QUICK = ["--strengths", "inf", "--shares", "100%", "--bridges", "none"]


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    """A learner that fits in a blink: the command has no option for it."""
    learner = {"dimensions": 4, "epochs": 1, "negatives": 32, "batch_size": 256}
    monkeypatch.setattr(Plan, "options", property(lambda plan: {**learner, "popularity": max(plan.popularity)}))


def test_tables_json_report_and_model(muslin, dataset, tmp_path) -> None:
    outputs = ["--json", "r.json", "--html", "r.html", "--out", "model"]
    found = muslin("transfer", dataset, *PAIR, "--strengths", "0,inf", "--shares", "50%,100%", *outputs)
    assert found.status == 0, found.err
    facts = json.loads((tmp_path / "r.json").read_text())
    assert (facts["source"], facts["target"]) == ("accessories", "apparel")
    assert {row["form"] for row in facts["rows"]} >= {"source, frozen", "lambda 0", "lambda 0, beta 0.5"}
    assert [point["share"] for point in facts["curve"]] == [0.5, 0.5, 1.0, 1.0]
    assert "<html" in (tmp_path / "r.html").read_text()
    said = " ".join(found.out.split())
    for part in ("tiny shop accessories to apparel", "source, frozen", "With less of apparel", "carried:", "ship '"):
        assert part in said
    assert "saved to model" in found.out
    assert Model.load(tmp_path / "model").recommend("u0001", 3)["rank"].to_list() == [1, 2, 3]
    assert {path.name for path in tmp_path.iterdir()} == {"r.json", "r.html", "model"}


def test_json_is_alone_on_standard_output(muslin, dataset) -> None:
    found = muslin("transfer", dataset, *PAIR, *QUICK, "--against", "ease,ease", "--json", "-", "--out", "model")
    assert found.status == 0, found.err
    facts = json.loads(found.out)
    assert [row["kind"] for row in facts["rows"] if row["form"] == "ease"] == ["beside"] * 2, "named twice, tried once"
    assert "source, frozen" in found.err
    assert "saved to model" in found.err


def test_without_a_pair_every_pair_is_tried(muslin, dataset, tmp_path) -> None:
    found = muslin("transfer", dataset, *QUICK, "--json", "m.json", "--html", "m.html")
    assert found.status == 0, found.err
    assert "What domains tell each other" in (tmp_path / "m.html").read_text()
    facts = json.loads((tmp_path / "m.json").read_text())
    assert [(f["source"], f["target"]) for f in facts] == [("accessories", "apparel"), ("apparel", "accessories")]
    assert "Gain of the chosen form" in found.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--regulariser", "features", "--unfreezing", "head_first"], ("features", "head_first")),
        (["--strengths", "0, 2,2.0,inf", "--seeds", "3"], (0.0, 2.0, float("inf"))),
        (["--shares", "1%,0.5,50%"], (0.01, 0.5)),
        ([], ("l2_sp", "full")),
    ],
)
def test_options_reach_the_plan(muslin, dataset, monkeypatch, options, said) -> None:
    plans = []

    def noted(_data, plan, _seed):
        plans.append(plan)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "transfer", noted)
    muslin("transfer", dataset, *PAIR, *options)
    (plan,) = plans
    assert said in ((plan.regulariser, plan.unfreezing), plan.strengths, plan.shares)
    assert plan.seeds == (3 if "--seeds" in options else 1)


@pytest.mark.parametrize(
    ("options", "code", "near"),
    [
        (["--source", "accessories"], "one_domain", "--target"),
        (["--target", "apparel"], "one_domain", "--source"),
        (["--source", "", "--target", "apparel"], "unknown_domain", "source"),
        (["--source", "accesories", "--target", "apparel"], "unknown_domain", "'accessories'"),
        (["--source", "apparel", "--target", "apparel"], "same_domain", "two domains"),
        (["--out", "model"], "no_pair", "--source"),
        ([*PAIR, "--regulariser", "l2-sp"], "unknown_choice", "'l2_sp'"),
        ([*PAIR, "--unfreezing", "headfirst"], "unknown_choice", "'head_first'"),
        ([*PAIR, "--strengths", "1,much"], "bad_strength", "'much'"),
        ([*PAIR, "--strengths", "-1"], "bad_strength", "'-1'"),
        ([*PAIR, "--strengths", "nan"], "bad_strength", "'nan'"),
        ([*PAIR, "--shares", "0%"], "bad_share", "above 0"),
        ([*PAIR, "--shares", "120%"], "bad_share", "'120%'"),
        ([*PAIR, "--shares", ","], "empty_list", "--shares"),
        ([*PAIR, "--against", "eas"], "unknown_method", "'ease'"),
        ([*PAIR, "--bridges", "emcd"], "unknown_method", "'emcdr'"),
        ([*PAIR, "--seeds", "0"], "bad_argument", "muslin transfer --help"),
        ([*PAIR, "--html", "nowhere/r.html"], "no_directory", "nowhere"),
        ([*PAIR, "--max-bad", "x"], "bad_share", "--max-bad"),
    ],
)
def test_wrong_use(muslin, dataset, tmp_path, options, code, near) -> None:
    found = muslin("transfer", dataset, *options)
    assert (found.status, found.out) == (2, "")
    assert f"code: {code}\n" in found.err
    assert near in found.err
    assert not list(tmp_path.iterdir())


def test_a_model_in_the_way_is_refused_before_any_work(muslin, dataset, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run, "transfer", None)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").write_text("x")
    found = muslin("transfer", dataset, *PAIR, "--out", "model")
    assert (found.status, found.out) == (2, "")
    assert tree(tmp_path) == {"model", "model/mine"}


def test_too_few_shoppers_are_bad_data(muslin, tmp_path, dataset) -> None:
    shutil.copytree(dataset, tmp_path / "shop")
    events = tmp_path / "shop/events.parquet"
    pl.read_parquet(events).head(40).write_parquet(events)
    before = tree(tmp_path)
    found = muslin("transfer", "shop", *PAIR, "--json", "r.json")
    assert (found.status, found.out) == (3, "")
    assert "code: too_small\n" in found.err
    assert tree(tmp_path) == before


def test_one_domain_is_bad_data(muslin, tmp_path, dataset) -> None:
    shutil.copytree(dataset, tmp_path / "shop")
    items = tmp_path / "shop/items.parquet"
    pl.read_parquet(items).with_columns(domain=pl.lit("all")).write_parquet(items)
    found = muslin("transfer", "shop")
    assert (found.status, found.out) == (3, "")
    assert "code: one_domain\n" in found.err


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("where", "name", "pair"),
    [(run, "trial", True), (ship, "ship", True), (Model, "save", True), (matrix, "transfer", False)],
)
def test_an_interruption_leaves_nothing(muslin, dataset, tmp_path, monkeypatch, where, name, pair) -> None:
    """At whatever time it comes: while forms are tried, while the winner is fitted, while it is stored."""
    monkeypatch.setattr(where, name, interrupt)
    outputs = ["--json", "r.json", *(["--html", "r.html", "--out", "model"] if pair else [])]
    found = muslin("transfer", dataset, *(PAIR if pair else ()), *QUICK, *outputs)
    assert found.status == 130
    assert "nothing was written" in found.err
    assert not list(tmp_path.iterdir())


def test_names_of_domains_are_no_markup(muslin, dataset, tmp_path) -> None:
    shutil.copytree(dataset, tmp_path / "shop")
    items = tmp_path / "shop/items.parquet"
    evil = "[/]<b>[red]"
    named = pl.when(pl.col("domain") == "apparel").then(pl.lit(evil)).otherwise("domain")
    pl.read_parquet(items).with_columns(domain=named).write_parquet(items)
    found = muslin("transfer", "shop", "--source", "accessories", "--target", evil, *QUICK, "--html", "r.html")
    assert found.status == 0, found.err
    assert evil in found.out
    assert "<b>[red]" not in (tmp_path / "r.html").read_text()
