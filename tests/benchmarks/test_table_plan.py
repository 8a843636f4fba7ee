"""Which entrants are asked what, what that costs, and the cuts that baselines are held against."""

import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from benchmarks.cold_start import __main__ as bench
from benchmarks.cold_start import cuts, ledger, report
from benchmarks.cold_start.estimate import cheapest_first, estimate, everybody
from benchmarks.cold_start.limits import EVERYWHERE, Limit
from benchmarks.cold_start.plan import PLANS, Plan, Round, planted
from benchmarks.cold_start.results import Measured, joined, write
from benchmarks.cold_start.words import WORDS

from muslin.data.cutting import PAIR
from muslin.data.sources.boutique import BoutiqueConfig
from muslin.evaluate.answers import scores_of
from muslin.recipes.fit import Recipe, fit_world
from muslin.testing.worlds import tiny_shop

LIMITS = [one for plan in PLANS.values() for one in plan.limits]
SHAPE = BoutiqueConfig(n_items=150, n_users=300, n_events=4_000, pictures=False)


def test_limits_name_entrants_that_exist_and_reasons_that_are_told() -> None:
    for one in LIMITS:
        assert one.names <= set(everybody())
        assert all(one.reason in words.reasons for words in WORDS.values())


def test_a_round_is_asked_of_an_entrant_wholly_or_not_at_all() -> None:
    for plan in PLANS.values():
        for part in plan.rounds:
            for one in plan.limits:
                assert len({name in one.protocols for name in part.protocols}) == 1


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Measured:
    plan = Plan(
        make=planted(SHAPE),
        rounds=(Round(protocols=("item-cold", "mixed"), seeds=2), Round(protocols=("warm",), seeds=1)),
        max_users=40,
        limits=(Limit("slow", frozenset({"ials"}), ("item-cold", "mixed")),),
    )
    return bench.run("toy", plan, tmp_path_factory.mktemp("work"), ("content_knn", "ials"))


def test_who_is_limited_is_asked_no_more_and_the_page_says_why(measured) -> None:
    assert [set(part.facts.methods) & {"ials", "content_knn"} for part in measured.rounds] == [
        {"ials", "content_knn"},
        {"content_knn"},
    ]
    page = report.page([measured], WORDS["en"])
    new, *_, known = [line for line in page.splitlines() if line.startswith("Not asked this:")]
    assert "`cornac-vbpr` (minutes of processor time a fit: asked about new garments only)" in known
    assert "`cornac-vbpr`" in new.split("Not measured yet:")[1]
    assert "`ials`" not in new
    assert "`ials`" in known


def test_protocols_that_were_not_asked_again_stay(measured, tmp_path) -> None:
    new, known = measured.rounds
    write(replace(measured, rounds=(new,)), tmp_path)
    both = joined(replace(measured, rounds=(known,)), tmp_path)
    assert [part.facts.protocols for part in both.rounds] == [("item-cold", "mixed"), ("warm",)]
    write(both, tmp_path)
    fresh = joined(measured, tmp_path)
    assert fresh == measured


def test_costs_of_all_runs_add_up_and_a_killed_one_is_missed(tmp_path) -> None:
    for spent in (1.5, 2.0):
        with ledger.kept(tmp_path):
            pass
        newest = max(tmp_path.glob("*.json"))
        newest.write_text(f'{{"cpu_seconds": {spent}, "wall_seconds": 3.0, "peak_mb": {spent}}}', encoding="utf-8")
    whole = ledger.total(tmp_path)
    assert (whole.cpu_seconds, whole.wall_seconds, whole.peak_mb, whole.resumed) == (3.5, 6.0, 2.0, False)
    (tmp_path / "9-killed.json").write_text("null", encoding="utf-8")
    assert ledger.total(tmp_path).resumed


def test_a_run_that_fails_has_its_own_costs_entered_and_no_others(tmp_path) -> None:
    before = time.process_time()

    def run() -> None:
        while time.process_time() < before + 0.2:
            pass
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), ledger.kept(tmp_path / "costs"):
        run()
    whole = ledger.total(tmp_path / "costs")
    assert 0.1 <= whole.cpu_seconds <= time.process_time() - before + 0.2
    assert not whole.resumed


def test_the_estimate_counts_a_fit_for_each_cut_and_the_rest_for_each_fit(measured) -> None:
    costs = {"popularity": 1.0, "content_knn": 2.0, "ials": 30.0}
    rounds = tuple(
        replace(part, rows=tuple(replace(row, fit_cpu_s=costs.get(row.method, 0.0)) for row in part.rows))
        for part in measured.rounds
    )
    # Two cuts of three entrants and one of two: 66 + 3 seconds of fits, 8 fits, and 4 seconds beside each.
    known = replace(measured, rounds=rounds, cost=replace(measured.cost, cpu_seconds=69.0 + 8 * 4.0))
    plan = Plan(
        make=planted(SHAPE),
        rounds=(Round(protocols=("item-cold", "mixed"), seeds=3), Round(protocols=("warm", "time"), seeds=1)),
        limits=(Limit("slow", frozenset({"ials"}), ("item-cold", "mixed")),),
    )
    found = estimate(known, plan, ("content_knn", "ials", "unheard"))
    assert found.fits == pytest.approx(5 * 2.0 + 3 * 30.0 + 5 * 11.0)
    assert found.rest == pytest.approx(13 * 4.0)
    assert found.guessed == ("unheard",)
    gap = replace(known, cost=replace(known.cost, resumed=True))
    assert estimate(gap, plan, ("ials",)).rest is None
    assert cheapest_first(("unheard", "ials", "popularity", "content_knn"), [known])[1:] == (
        "content_knn",
        "ials",
        "unheard",
    )


def test_k_shot_of_a_given_split_asks_the_same_at_every_k_and_never_what_it_told() -> None:
    shop = tiny_shop()
    new = set(sorted(shop.events["item_id"].unique())[::5])
    part = pl.when(pl.col("item_id").is_in(list(new))).then(pl.lit("cold_test")).otherwise(pl.lit("train"))
    exam = cuts.k_shot(shop.with_events(shop.events.with_columns(part=part)), ks=(0, 1, 3))
    pairs = exam.split.query
    assert len(pairs) > 20
    assert set(pairs["item_id"]) <= new
    for ask in exam.asks:
        assert ask.truth.nnz == len(pairs)
        assert (ask.truth != exam.asks[0].truth).nnz == 0
        assert ask.truth.multiply(ask.seen).nnz == 0
        told = ask.revealed
        assert told is not None
        assert not len(told.join(pairs, on=PAIR, how="semi"))
        assert told.group_by("item_id").len()["len"].max() == (ask.k or None)
    fitted = fit_world(Recipe(method="prior_knn"), exam.world, 0)
    scores = [scores_of(fitted, exam)(ask, slice(None)).scores for ask in exam.asks]
    assert not np.array_equal(scores[0], scores[2])


def test_meta_learners_are_left_to_their_own_page_where_fits_are_long() -> None:
    few = next(one for one in EVERYWHERE if one.reason == "few").names
    assert not set(PLANS["hm_week"].asked(everybody(), ("k-shot",))) & few
    assert set(PLANS["boutique"].asked(everybody(), ("k-shot",))) >= few
