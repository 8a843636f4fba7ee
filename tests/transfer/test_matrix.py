"""Every pair of domains, in both directions."""

import json
from dataclasses import replace

import polars as pl
import pytest

from muslin.errors import DataError
from muslin.transfer.matrix import Matrix, matrix


@pytest.fixture(scope="module")
def quick(plan):
    return replace(plan, source="", target="", strengths=(float("inf"),), betas=(1.0,))


@pytest.fixture(scope="module")
def both(shared, quick) -> Matrix:
    """The boutique, with one garment in a domain that is too small to ask about."""
    apparel = shared.items.filter(pl.col("domain") == "apparel")["item_id"]
    few = pl.col("item_id") == apparel.sort()[0]
    items = shared.items.with_columns(domain=pl.when(few).then(pl.lit("few")).otherwise("domain"))
    return matrix(replace(shared, items=items), quick, 0)


def test_both_directions_are_told_and_what_is_too_small_is_said(both) -> None:
    assert both.domains == ("accessories", "apparel", "few")
    assert {("accessories", "apparel"), ("apparel", "accessories")} <= set(both.results)
    assert set(both.results) | set(both.left_out) == {(a, b) for a in both.domains for b in both.domains if a != b}
    assert {target for _, target in both.left_out} == {"few"}
    assert all("fewer than 40 shoppers" in why for why in both.left_out.values())
    for (source, target), result in both.results.items():
        assert (result.source, result.target, result.curve) == (source, target, ())


def test_the_matrix_is_shown_and_written(both, shown, tmp_path) -> None:
    said = " ".join(shown(both, 160).split())
    for (source, target), result in both.results.items():
        gain = result.verdict.gains[0]
        assert f"{gain.gain:+.4f}" in said
        assert f"[{gain.low:+.4f}, {gain.high:+.4f}]" in said
        assert f"{source} to {target}:" not in said
    assert "apparel to few: fewer than 40 shoppers" in said
    both.to_json(tmp_path / "m.json")
    facts = json.loads((tmp_path / "m.json").read_text())
    assert [(f["source"], f["target"]) for f in facts] == list(both.results)


def test_hostile_domains_are_text(written, shown) -> None:
    evil = written.source
    named = Matrix((evil, "b"), {(evil, "b"): written}, {("b", evil): "[/] no"})
    text = shown(named)
    assert "[bold red]" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("domain", ["apparel", None])
def test_one_domain_is_an_error(shared, quick, domain) -> None:
    items = shared.items.with_columns(domain=pl.lit(domain, dtype=pl.String))
    with pytest.raises(DataError) as caught:
        matrix(replace(shared, items=items), quick, 0)
    assert (caught.value.code, caught.value.where) == ("one_domain", "domain")
    assert caught.value.fix


def test_two_domains_too_small_are_an_error_too(shared, quick) -> None:
    with pytest.raises(DataError) as caught:
        matrix(shared.with_events(shared.events.head(50)), quick, 0)
    assert caught.value.code == "one_domain"
