"""Paired differences of the k-shot benchmark, by hand."""

import polars as pl
import pytest
from benchmarks.meta_k_shot import KS, VIEWS, gains

from benchmarks import meta_k_shot, meta_report


def by_user(*values: float) -> pl.DataFrame:
    rows = [(view, k, f"u{n}", v + k / 10) for view in VIEWS for k in KS for n, v in enumerate(values)]
    return pl.DataFrame(rows, schema=["view", "k", "user_id", "value"], orient="row")


def test_differences_are_of_the_same_shopper() -> None:
    lead, other = by_user(0.5, 0.9, 0.1), by_user(0.4, 0.6, 0.2).sample(fraction=1, shuffle=True, seed=1)
    rows = list(gains(other, lead))
    assert [(row["view"], row["k"]) for row in rows] == [(view, k) for view in VIEWS for k in KS]
    for row in rows:
        assert row["gain"] == pytest.approx(row["k"] / 10)
        assert row["gain_low"] == pytest.approx(row["gain_high"], abs=1e-4)
        assert row["ahead"] == pytest.approx(0.1)
        spread = 1.96 * (0.08 / 3) ** 0.5 / 3**0.5
        assert row["ahead_high"] - row["ahead"] == pytest.approx(spread, abs=1e-4)
        assert row["ahead"] - row["ahead_low"] == pytest.approx(spread, abs=1e-4)


def test_who_leads_a_run_is_written_and_others_are_held_against_it() -> None:
    lead, other = by_user(0.5, 0.9), by_user(0.4, 0.6)
    about = {"dataset": "d", "epochs": 1, "leader": "muslin"}
    rows = [about | {"method": "muslin"} | row for row in gains(lead, lead)]
    rows += [about | {"method": "ease"} | row for row in gains(other, lead)]
    page = meta_report.k_shot(rows, meta_report.WORDS["en"])
    assert "How far `muslin` is ahead" in page
    held = [line for line in page.split("How far")[1].splitlines() if line.startswith("| d |")]
    assert held
    assert all("`ease`" in line and "+0.200" in line for line in held)
    assert meta_k_shot.METHODS[0] not in page
