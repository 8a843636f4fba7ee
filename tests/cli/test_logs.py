"""`muslin export-events` and `muslin replay`: from a state to a table, from a table to figures."""

import json
from pathlib import Path

import polars as pl
import pytest

from muslin.cli.app import main
from muslin.cli.logs import read_log
from muslin.engine.online.online import Online, clock
from muslin.engine.online.rules import Rules
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("state")
    now = clock() // 1000
    with Online.open(place, Rules()) as online:
        online.ingest(
            [
                {"event_id": f"e{n}", "type": "purchase", "user_id": user, "item_id": f"g000{n}", "timestamp": now - n}
                for n, user in enumerate(["u0001", "u0002", "u0001", "stranger"])
            ]
        )
    return place


@pytest.mark.parametrize("name", ["log.parquet", "log.csv"])
def test_events_become_a_table(state: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    assert main(["export-events", str(state), "--out", str(out)]) == 0
    found = pl.read_parquet(out) if name.endswith("parquet") else pl.read_csv(out)
    assert found.columns == ["user_id", "item_id", "timestamp", "event", "value"]
    assert found["item_id"].to_list() == ["g0000", "g0001", "g0002", "g0003"]
    assert found["user_id"].n_unique() == 3
    assert found["user_id"][0] == found["user_id"][2]
    assert "u0001" not in out.read_bytes().decode(errors="ignore")


def test_where_there_is_no_state(tmp_path: Path) -> None:
    assert main(["export-events", str(tmp_path), "--out", str(tmp_path / "log.csv")]) == 3
    assert main(["export-events", str(tmp_path), "--out", str(tmp_path / "log.txt")]) == 2


def test_an_exported_log_can_be_served_again(state: Path, tmp_path: Path) -> None:
    log, figures = tmp_path / "log.parquet", tmp_path / "figures.json"
    assert main(["export-events", str(state), "--out", str(log)]) == 0
    model = fit(tiny_shop(), "popularity").save(tmp_path / "model")
    assert main(["replay", str(log), "--model", str(model), "--json", str(figures)]) == 0
    rows = json.loads(figures.read_text())
    assert {row["side"] for row in rows} == {"garment", "shopper"}
    assert {row["pairs"] for row in rows if row["side"] == "garment"} == {4}


NASTY = ["=cmd()", "+1", "-x", "@sum", "'=twice", "'quoted", "plain", "a=b"]


def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    place, log = tmp_path / "state", tmp_path / "log.csv"
    now = clock() // 1000
    with Online.open(place, Rules()) as online:
        rows = [{"event_id": f"e{n}", "type": "purchase", "user_id": "u", "item_id": i} for n, i in enumerate(NASTY)]
        assert online.ingest([{**row, "timestamp": now} for row in rows]).accepted == len(NASTY)
    assert main(["export-events", str(place), "--out", str(log)]) == 0
    found = pl.read_csv(log)["item_id"].to_list()
    assert not [text for text in found if text[0] in "=+-@"]
    assert found[-3:] == NASTY[-3:]
    assert read_log(log, tiny_shop().schema)["item_id"].to_list() == NASTY


def test_a_backup_can_be_put_back(state: Path, tmp_path: Path) -> None:
    copy, fresh = tmp_path / "copy", tmp_path / "fresh"
    with Online.open(state) as online:  # as a service would have it
        before = online.state_hash()
        assert main(["backup", str(state), "--out", str(copy)]) == 0
        assert main(["backup", str(state), "--out", str(copy)]) == 2
        assert main(["restore", str(copy), str(state)]) == 3  # in use
    assert main(["restore", str(copy), str(fresh), "--json", str(tmp_path / "facts.json")]) == 0
    assert json.loads((tmp_path / "facts.json").read_text()) == {"state": str(fresh), "events": 4}
    with Online.open(fresh) as online:
        assert online.state_hash() == before
    (copy / "state.db").write_bytes(b"damaged")
    assert main(["restore", str(copy), str(fresh)]) == 3
    assert main(["backup", str(tmp_path), "--out", str(tmp_path / "none")]) == 3
