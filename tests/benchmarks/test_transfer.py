"""The transfer benchmark on a toy: rendered from what was measured, in its place, and summed up as it says."""

import re

import pytest
from benchmarks.cold_start import __main__ as bench
from benchmarks.cold_start.plan import Plan, Round, planted
from benchmarks.cold_start.results import Measured, write
from benchmarks.transfer import dial, report
from benchmarks.transfer.newcomers import DATA, FIRST, OURS, planned

from muslin.data.sources.boutique import BoutiqueConfig

SHAPE = BoutiqueConfig(n_items=150, n_users=500, n_events=6_000, shared_taste=1.0, pictures=False)
WORDS = (report.ENGLISH, report.CHINESE)


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Measured:
    rounds = (Round(protocols=("cross-domain",), seeds=1, first=FIRST),)
    plan = Plan(make=planted(SHAPE), rounds=rounds, max_users=60)
    return bench.run("boutique", plan, tmp_path_factory.mktemp("work"), ("popularity_segment", OURS))


def world(shipped: str, gain: float, *, low: tuple[float, float] = (0.1, 0.1), high: float = 0.2) -> dict:
    """What a transfer found in a boutique whose own model reaches .1: without and with 1 %, and with everything."""
    new = {"segment": "new", "gain": gain, "null": 0.1, "form": 0.1 + gain}
    curve = [
        {"share": 0.01, "gain": {"segment": "new", "null": low[0], "form": low[1]}},
        {"share": 1.0, "gain": {"segment": "new", "null": 0.15, "form": high}},
    ]
    return {"verdict": {"null": "own", "shipped": shipped, "gains": [new]}, "curve": curve}


def test_the_cuts_are_others_than_those_that_guided_the_bridge(measured) -> None:
    assert measured.rounds[0].facts.seeds == (FIRST,)
    for data in DATA:
        (asked,) = planned(data, 2, FIRST, 50).rounds
        assert (asked.protocols, asked.seeds, asked.first) == (("cross-domain",), 2, FIRST)


@pytest.mark.parametrize("words", WORDS, ids=lambda w: w.page)
def test_every_direction_and_method_has_a_row_with_its_figures(measured, words) -> None:
    lines = list(report.newcomers(measured, words))
    result = measured.rounds[0]
    rows = [
        r for r in result.rows if r.metric == "ndcg@20" and r.path == "cold" and r.method not in ("random", "oracle")
    ]
    assert len(rows) == 2 * 3
    for row in rows:
        (line,) = [x for x in lines if x.startswith(f"| {row.view} |") and f"`{row.method}`" in x]
        assert f"{row.value:.4f}" in line
        assert f"[{row.ci_low:.4f}, {row.ci_high:.4f}]" in line


def test_the_gain_is_ours_less_theirs_whoever_is_best(measured) -> None:
    result = measured.rounds[0]
    value = {(r.view, r.method): r.value for r in result.rows if r.metric == "ndcg@20" and r.path == "cold"}
    told = 0
    for line in report.newcomers(measured, report.ENGLISH):
        found = re.search(r"\| (\w+ to \w+) \|.*`(\w+)`.*\(([+-][\d.]+) \[", line)
        if found:
            view, method, gain = found.groups()
            assert float(gain) == pytest.approx(value[view, OURS] - value[view, method], abs=1e-4)
            told += 1
    assert told >= 2


def test_tables_stand_between_the_marks_and_nothing_else_moves(measured, tmp_path) -> None:
    write(measured, tmp_path)
    page = "# Title\n\nText.\n"
    once = report.placed(page, report.section(tmp_path, report.ENGLISH))
    assert once.startswith("# Title\n\nText.\n")
    assert once.count(report.START) == once.count(report.END) == 1
    assert report.placed(once, report.section(tmp_path, report.ENGLISH)) == once
    assert "`source_posterior`" in once
    later = report.placed(once + "More.\n", "new")
    assert "source_posterior" not in later
    assert later.endswith("More.\n")


def test_boutiques_are_summed_up_by_dial() -> None:
    found = {
        "0.0/0": world("own", -0.002),
        "0.0/1": world("lambda inf", 0.004),
        "1.0/0": world("lambda inf", 0.05, low=(0.1, 0.16), high=0.2),
    }
    none, full = dial.summary(found)
    assert (none["worlds"], none["shipped"], full["shipped"]) == (2, 1, 1)
    assert none["gain of the chosen"] == pytest.approx(0.01)
    assert none["gain of the shipped"] == pytest.approx(0.02)
    assert full["gap closed at 1 %"] == pytest.approx(0.6)
    lines = list(report.dial(found, report.ENGLISH))
    assert "| 1 | 1 | 1 | +50.0% | +50.0% | 60% |" in lines


def test_dial_zero_has_every_seed_and_a_run_that_was_stopped_has_something_of_each() -> None:
    asked = list(dial.worlds(30))
    assert [world.dial for world in asked[:5]] == list(dial.DIALS)
    assert sorted(world.seed for world in asked if world.dial == 0) == list(range(dial.FIRST, dial.FIRST + 30))
    for place in dial.DIALS[1:]:
        assert [world.seed for world in asked if world.dial == place] == [dial.FIRST + n for n in (0, 10, 20)]
