"""The benchmark on a shop of a minute: asked, killed, resumed, stored, rendered, and our claims put to the test."""

import re
from dataclasses import replace

import polars as pl
import pytest
from benchmarks.cold_start import __main__ as bench
from benchmarks.cold_start import bars, curves, falsify, report, wanted
from benchmarks.cold_start.plan import PLANS, Plan, Round, planted
from benchmarks.cold_start.results import Measured, read, write
from benchmarks.cold_start.words import WORDS

from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.evaluate.protocol import PROTOCOLS
from muslin.testing.worlds import tiny_shop

SHAPE = BoutiqueConfig(n_items=300, n_users=600, n_events=9_000, pictures=False)
METHODS = ("content_knn", "popularity_segment")


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Measured:
    rounds = (
        Round(protocols=tuple(p for p in PROTOCOLS if p != "k-shot"), seeds=1),
        Round(protocols=("k-shot",), seeds=1),
    )
    plan = Plan(make=planted(SHAPE), rounds=rounds, max_users=60)
    return bench.run("toy", plan, tmp_path_factory.mktemp("work"), METHODS)


def test_every_protocol_is_asked_of_some_data_set() -> None:
    assert {p for plan in PLANS.values() for part in plan.rounds for p in part.protocols} == set(PROTOCOLS)


def test_a_result_is_found_again_as_it_was_stored(measured, tmp_path) -> None:
    back = read(write(measured, tmp_path))
    assert back.cost == measured.cost
    for now, then in zip(back.rounds, measured.rounds, strict=True):
        assert now.facts == then.facts
        assert now.findings == then.findings
        assert [(r.method, r.view, r.k, r.metric) for r in now.rows] == [
            (r.method, r.view, r.k, r.metric) for r in then.rows
        ]
        assert [r.value for r in now.rows] == pytest.approx([r.value for r in then.rows], abs=1e-6)


def test_a_run_says_what_it_cost_and_on_what(measured) -> None:
    cost = measured.cost
    assert cost.model
    assert cost.cpu_seconds > 0
    assert cost.peak_mb > 50
    assert not cost.resumed


@pytest.mark.parametrize("language", WORDS)
def test_the_page_shows_every_protocol_and_method_with_the_figures_measured(measured, language) -> None:
    page = report.page([measured], WORDS[language])
    for protocol in PROTOCOLS:
        assert f"(`{protocol}`)" in page
    for method in ("random", "popularity", "oracle", *METHODS):
        assert f"| `{method}` |" in page
    row = next(r for r in measured.rounds[0].rows if r.method == "content_knn" and r.metric == "ndcg@20")
    assert f"{row.value:.3f}" in page
    assert f"[{row.ci_low:.3f}, {row.ci_high:.3f}]" in page


def test_both_pages_hold_the_same_figures(measured) -> None:
    numbers = [re.findall(r"\d\.\d{3}", page) for page in (report.page([measured], w) for w in WORDS.values())]
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) > 100


def test_curves_over_k_are_drawn_for_garments_and_shoppers(measured) -> None:
    assert set(curves.by_k(measured.rounds[1])) == {"garments", "shoppers"}
    assert not curves.by_k(measured.rounds[0])


def test_quick_asks_the_same_protocols_of_one_cut() -> None:
    for plan in PLANS.values():
        asked = bench.quick(plan)
        assert [p for part in asked.rounds for p in part.protocols] == [
            p for part in plan.rounds for p in part.protocols
        ]
        assert all(part.seeds == 1 for part in asked.rounds)


def test_permuted_content_belongs_to_another_garment_and_nothing_else_moves() -> None:
    shop = tiny_shop()
    other = falsify.permuted(shop)
    kept = ["item_id", "family", "domain"]
    assert other.items.select(kept).equals(shop.items.select(kept))
    assert other.events.equals(shop.events)
    assert not other.items["title"].equals(shop.items["title"])
    assert sorted(other.items["title"]) == sorted(shop.items["title"])
    described = ["department", "kind", "title"]
    rows = set(shop.items.select(described).iter_rows())
    assert set(other.items.select(described).iter_rows()) == rows


def test_swapped_events_keep_how_much_each_garment_sold_and_break_up_shoppers() -> None:
    shop = tiny_shop()
    other = falsify.swapped(shop)
    sold = [d.events.group_by("item_id").len().sort("item_id") for d in (shop, other)]
    assert sold[0].equals(sold[1])
    domain = shop.items.select("item_id", "domain")
    shared = [_shared(d.events.join(domain, on="item_id")) for d in (shop, other)]
    assert shared[0] != shared[1]


def _shared(events: pl.DataFrame) -> list[tuple[str, int, int]]:
    """How much each shopper took in each domain."""
    counts = events.pivot("domain", index="user_id", values="item_id", aggregate_function="len").fill_null(0)
    return sorted(counts.select("user_id", "accessories", "apparel").iter_rows())


@pytest.fixture(scope="module")
def planted_shop(tmp_path_factory):
    return make(tmp_path_factory.mktemp("falsify") / "shop", SHAPE, seed=0)


def test_claims_that_are_true_by_construction_survive(planted_shop) -> None:
    verdicts = falsify.content(planted_shop, falsify.Terms(seeds=1, max_users=300))
    assert [v.survives for v in verdicts] == [True] * len(verdicts)


def test_a_claim_that_is_false_falls(planted_shop) -> None:
    """Where content is permuted beforehand it says nothing, and permuting it again takes nothing away."""
    shop = replace(falsify.permuted(planted_shop, seed=1), root=None)
    verdicts = falsify.learning(shop, falsify.Terms(seeds=1, max_users=300))
    assert [v.survives for v in verdicts] == [False]


def test_intervals_that_do_not_hold_fall_and_where_nobody_states_any_nothing_is_said(measured) -> None:
    (row, *_) = [r for r in measured.rounds[1].rows if r.view == "garments" and r.metric == "ndcg@20"]

    def verdicts(*held: float) -> list[bool | None]:
        rows = tuple(replace(row, method="sayer", metric="interval90", k=k, value=v) for k, v in enumerate(held))
        return [v.survives for v in falsify.intervals(replace(measured.rounds[1], rows=rows), ["sayer"])]

    assert verdicts(0.9, 0.81) == [True]
    assert verdicts(0.9, 0.79) == [False]
    assert verdicts() == [None]
    assert [v.survives for v in falsify.intervals(measured.rounds[1], [])] == [None]


def test_the_page_sets_the_data_with_twins_beside_those_without(measured) -> None:
    halved = [replace(r, rows=tuple(replace(row, value=row.value / 2) for row in r.rows)) for r in measured.rounds]
    pair = [replace(measured, name="sport_cloth"), replace(measured, name="sport_cloth_clean", rounds=tuple(halved))]
    row = next(
        r for r in measured.rounds[0].rows if (r.method, r.protocol, r.metric) == ("popularity", "warm", "ndcg@20")
    )
    page = report.page(pair, WORDS["en"])
    assert f"| `popularity` | {row.value:.4f} | {row.value / 2:.4f} | -50% |" in page
    assert "without twins" not in report.page(pair[:1], WORDS["en"])


def test_a_baseline_that_falls_short_is_said_to(measured) -> None:
    bar = wanted.Bar("cold", "content_knn", 0.3, 0.2, 0.01, "a source", options={"idf_power": 1.8})
    good, poor = bars.Reached(bar, 0.291, 0.25, 1.0), bars.Reached(bar, 0.31, 0.18, 1.0)
    assert (good.holds, poor.holds) == (True, False)
    page = report.page([measured], WORDS["en"], {"a split": [good, poor]})
    assert "| cold | `content_knn`, idf_power 1.8 | 0.291 | 0.250 | 0.300 / 0.200 | ± 0.010 | a source |" in page
    assert (
        "| cold | `content_knn`, idf_power 1.8 | 0.310 | 0.180 | 0.300 / 0.200 **short** | ± 0.010 | a source |" in page
    )


def test_bars_that_are_not_measured_are_shown_as_such(measured, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(bars, "BARS", tmp_path)
    first, *others = bars.GROUPS["hm_strict"][1]
    bars.keep("hm_strict", bars.Reached(first, 0.5, 0.4, 1.0))
    standing = bars.standing()["hm_strict"]
    assert [isinstance(one, bars.Reached) for one in standing] == [True, *(False for _ in others)]
    page = report.page([measured], WORDS["en"], {"hm_strict": standing})
    assert page.count("| not measured | not measured |") == len(others)


def test_the_page_shows_what_methods_say_of_their_own_scores(measured) -> None:
    (row, *_) = [r for r in measured.rounds[1].rows if (r.view, r.k, r.metric) == ("garments", 1, "ndcg@20")]
    stated = [
        replace(row, method="popularity", metric=m, value=v) for m, v in (("ece@20", 0.0123), ("interval90", 0.87))
    ]
    result = replace(measured.rounds[1], rows=(*measured.rounds[1].rows, *stated))
    page = report.page([replace(measured, rounds=(result,))], WORDS["en"])
    assert "| garments, k = 1 | `popularity` | 0.0123 | 87% |" in page
