"""How a result is told: JSON, the terminal, and the words they share."""

import json
import math
from dataclasses import replace

import pytest

from muslin.transfer import wording
from muslin.transfer.guard import Verdict


def test_facts_hold_no_number_that_json_lacks(written, tmp_path, capsys) -> None:
    facts = json.loads(json.dumps(written.facts(), allow_nan=False))
    assert [row["strength"] for row in facts["rows"]] == [None, "inf", "inf", None]
    assert facts["carried"]["item"] == [3, 1234]
    assert facts["verdict"]["gains"][0]["low"] == 0.01
    written.to_json(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == facts
    written.to_json("-")
    assert json.loads(capsys.readouterr().out) == facts


def test_what_is_no_number_is_refused(written, tmp_path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        replace(written, rows=(replace(written.rows[0], value=math.nan),)).to_json(tmp_path / "r.json")
    assert not list(tmp_path.iterdir())


def test_negative_transfer_is_named(written, shown) -> None:
    assert [row.form for row in written.negative()] == ["source, frozen"]
    (line,) = wording.negative(written)
    assert line.startswith("negative transfer: 'source, frozen' loses 0.0400 among shoppers new to")
    assert line in " ".join(shown(written).split()) or "negative transfer: 'source, frozen'" in shown(written)


def test_the_terminal_says_what_matters(written, shown) -> None:
    said = " ".join(shown(written).split())
    for part in (
        "1,200 training shoppers are in both domains",
        "2 cuts; 95 % intervals",
        "gain over popularity, target only",
        "+0.0500 [+0.0100, +0.0900]",
        "1 % 10 new lambda inf",
        "item (3 of 1,234 rows), bias (whole), sold (the target's own)",
        "ship 'lambda inf': shown to beat",
    ):
        assert part in said


def test_names_from_data_are_text_in_the_terminal(written, shown) -> None:
    said = shown(written)
    assert said.count("[bold red]") >= 3
    assert "\x1b" not in said


def test_the_curve_is_left_out_where_there_is_none(written, shown) -> None:
    assert "With less of" in shown(written)
    assert "With less of" not in shown(replace(written, curve=()))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict("null", "form", "form", ()), "ship 'form': shown to beat 'null'"),
        (Verdict("null", "null", "null", ()), "ship 'null': nothing that knows acc does better"),
        (Verdict("null", "form", "null", ()), "ship 'null': 'form' was chosen, but is not shown to be better"),
    ],
)
def test_the_verdict_is_told(written, verdict, words) -> None:
    assert wording.verdict(replace(written, source="acc", verdict=verdict)).startswith(words)


@pytest.mark.parametrize(
    ("shared", "carried", "words"),
    [
        (0, {}, "there is nothing to transfer through"),
        (0, {"a": (1, 1)}, "learned of features: encoders and priors apply, bridges do not"),
        (5, {}, "through them alone, for garments have no features: bridges apply, encoders and priors do not"),
        (5, {"a": (1, 1)}, "through them and the features: bridges, encoders and priors apply"),
    ],
)
def test_the_way_is_told(written, shared, carried, words) -> None:
    assert words in replace(written, shared=shared, carried=carried).way


def test_parts_and_shares_are_told() -> None:
    assert [wording.part(*rows) for rows in ((3, 3), (0, 3), (1, 3000))] == [
        "whole",
        "the target's own",
        "1 of 3,000 rows",
    ]
    assert [wording.share(s) for s in (0.01, 0.005, 1.0)] == ["1 %", "0.5 %", "100 %"]
