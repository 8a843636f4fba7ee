"""A transfer from end to end in planted worlds: shown where taste is shared, refused where it is not."""

import json
from dataclasses import replace

import numpy as np
import pytest

from muslin.data.crossing import Crossing, crossing
from muslin.errors import DataError, UsageError
from muslin.transfer import run
from muslin.transfer.run import transfer


@pytest.fixture(scope="session")
def quick(plan):
    return replace(plan, strengths=(0.0, float("inf")), betas=(1.0,), shares=())


def rows_of(found, segment):
    return {row.form: row for row in found.rows if row.segment == segment}


def test_where_taste_is_shared_the_transfer_is_shown_to_help_and_shipped(found) -> None:
    verdict = found.verdict
    assert verdict.helps
    assert verdict.shipped == verdict.chosen
    assert next(row.kind for row in found.rows if row.form == verdict.shipped) in ("transferred", "joint")
    assert any(gain.shown for gain in verdict.gains)
    new = {gain.segment: gain for gain in verdict.gains}["new"]
    assert new.gain > 0


def test_of_a_shuffled_source_nothing_is_shown_to_help(shuffled, quick) -> None:
    found = transfer(shuffled, quick, 0)
    assert not found.verdict.helps
    assert found.verdict.shipped == found.verdict.null
    assert not [row.form for row in found.rows if row.kind in ("frozen", "transferred") and row.gain.shown]


def test_where_tastes_are_apart_the_targets_own_model_is_shipped(boutique, quick) -> None:
    found = transfer(boutique(0.0), quick, 0)
    assert not found.verdict.helps
    assert next(row.kind for row in found.rows if row.form == found.verdict.shipped) == "null"


def test_the_same_seed_finds_the_same(shared, quick, found) -> None:
    first, again = (transfer(shared, quick, 0) for _ in range(2))

    def told(result):
        return [replace(row, cpu_s=0.0) for row in result.rows], result.verdict, result.carried

    assert told(first) == told(again)
    more = {(row.form, row.segment): row.value for row in found.rows}
    for row in first.rows:
        assert more[row.form, row.segment] == row.value, "a form does not depend on the others that are tried"


def test_gains_are_over_the_best_of_the_target_alone_in_each_segment(found) -> None:
    for segment in found.segments():
        rows = rows_of(found, segment)
        best = max((row for row in rows.values() if row.kind == "null"), key=lambda row: row.choose)
        for row in rows.values():
            assert row.gain.over == best.form
            assert row.gain.gain == pytest.approx(row.value - best.value, abs=1e-6)
            assert (row.gain.null, row.gain.form) == pytest.approx((best.value, row.value), abs=1e-6)
            assert row.gain.low <= row.gain.gain <= row.gain.high
            assert row.low <= row.value <= row.high
    assert found.verdict.gains == tuple(rows_of(found, s)[found.verdict.chosen].gain for s in found.segments())


def test_the_best_where_models_are_chosen_is_chosen(found) -> None:
    mean = {}
    for row in found.rows:
        mean.setdefault(row.form, []).append(row.choose)
    assert found.verdict.chosen == max(mean, key=lambda form: np.mean(mean[form]))


def test_what_was_asked_and_carried_is_told(found, shared) -> None:
    cut = crossing(shared, "accessories", "apparel", 0)
    assert found.shared == cut.shared() > 0
    assert f"{found.shared:,} training shoppers are in both" in found.way
    for segment in found.segments():
        asked = cut.query.filter((cut.query["segment"] == segment) & (cut.query["part"] == "prove"))
        assert {row.n_users for row in found.rows if row.segment == segment} == {asked["user_id"].n_unique()}
    assert set(found.carried) == {"item", "bias", "profile", "idf", "log_scale", "sold"}
    assert found.carried["log_scale"] == (1, 1)


def test_the_learning_curve_ends_with_the_whole(found, shared) -> None:
    shares = [point.share for point in found.curve]
    assert shares == [0.2, 0.2, 1.0, 1.0]
    assert tuple(point.gain for point in found.curve[2:]) == found.verdict.gains
    cut = crossing(shared, "accessories", "apparel", 0)
    assert found.curve[0].n_events == len(cut.thinned(0.2, 0).only("apparel").events)
    assert found.curve[2].n_events == len(cut.only("apparel").events)


def test_facts_are_strict_json(found) -> None:
    text = json.dumps(found.facts(), allow_nan=False)
    again = json.loads(text)
    assert again["verdict"]["shipped"] == found.verdict.shipped
    assert again["way"] == found.way
    assert len(again["rows"]) == len(found.rows)


def test_more_cuts_are_averaged_and_ask_about_the_same_segments(shared, quick, monkeypatch) -> None:
    """A segment that one of the cuts is too small for is left out of all."""

    def cut(dataset, source, target, seed, *, share) -> Crossing:
        made = crossing(dataset, source, target, seed, share=share)
        return made if seed else _only_new(made)

    monkeypatch.setattr(run, "crossing", cut)
    plan = replace(quick, strengths=(float("inf"),), seeds=2)
    found = transfer(shared, plan, 0)
    assert found.segments() == ("new",)
    assert found.seeds == 2
    monkeypatch.setattr(run, "_alike", lambda cuts: [_only_new(cut) for cut in cuts])
    singles = [transfer(shared, replace(plan, seeds=1), seed) for seed in (0, 1)]
    for form, row in rows_of(found, "new").items():
        values = [rows_of(single, "new")[form].value for single in singles]
        assert row.value == pytest.approx(np.mean(values), abs=1e-6)


def _only_new(cut: Crossing) -> Crossing:
    return replace(cut, query=cut.query.filter(cut.query["segment"] == "new"))


def test_cuts_without_a_common_segment_are_too_small(shared, quick, monkeypatch) -> None:
    def cut(dataset, source, target, seed, *, share) -> Crossing:
        made = crossing(dataset, source, target, seed, share=share)
        return replace(made, query=made.query.filter(made.query["segment"] == ("known" if seed else "new")))

    monkeypatch.setattr(run, "crossing", cut)
    with pytest.raises(DataError) as caught:
        transfer(shared, replace(quick, seeds=2), 0)
    assert caught.value.code == "too_small"


def test_wrong_domains_are_named_before_anything_is_fitted(shared, quick, monkeypatch) -> None:
    monkeypatch.setattr(run, "ground", None)
    with pytest.raises(UsageError) as caught:
        transfer(shared, replace(quick, target="aparel"), 0)
    assert (caught.value.code, caught.value.where) == ("unknown_domain", "target")
    assert "'apparel'" in caught.value.fix
