import json
from dataclasses import asdict

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.importing import Order, Tables, pictures_at, run
from muslin.data.read import table_of
from muslin.data.schema import Schema
from muslin.errors import DataError, UsageError

EVENT = {"user_id": "u1", "item_id": "i1", "timestamp": "2024-05-01", "event": "view"}


def tables(*events: dict) -> Tables:
    items = pl.DataFrame({"item_id": ["i1", "i2"]})
    return Tables(table_of(items, "items.csv"), None, table_of(pl.DataFrame(events), "log.csv"), Schema(name="s"))


def test_the_report_counts_every_row(tmp_path) -> None:
    order = Order("test", tmp_path / "ds", max_bad=0.9)
    report = run(order, lambda: tables(EVENT, {**EVENT, "item_id": "i9"}, {**EVENT, "event": "vew"}))
    assert report.read == {"items": 2, "events": 3}
    assert report.kept == {"items": 2, "events": 1}
    assert report.quarantined == {"events": {"unknown_event": 1, "unknown_item": 1}}
    assert report.lines()[:5] == [
        "items: 2 rows read, 2 kept",
        "events: 3 rows read, 1 kept",
        "events: 1 refused, unknown_event",
        "events: 1 refused, unknown_item",
        f"refused rows: {tmp_path / 'ds' / 'quarantine.parquet'}",
    ]
    assert json.loads(json.dumps(asdict(report), allow_nan=False))["destination"] == str(tmp_path / "ds")
    assert len(pl.read_parquet(tmp_path / "ds" / "quarantine.parquet")) == 2


def test_nothing_is_read_when_the_destination_is_taken(tmp_path) -> None:
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / "file").touch()
    with pytest.raises(UsageError):
        run(Order("test", tmp_path / "ds"), lambda: pytest.fail("read all the same"))


def test_the_quarantine_of_a_failed_attempt_goes_with_success(tmp_path) -> None:
    order = Order("test", tmp_path / "new" / "ds")
    with pytest.raises(DataError):
        run(order, lambda: tables({**EVENT, "event": "vew"}))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["ds.quarantine.parquet"]
    run(order, lambda: tables(EVENT))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["ds"]


def test_the_current_directory_can_be_the_destination(tmp_path, monkeypatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run(Order("test", type(tmp_path)()), lambda: tables(EVENT))
    assert len(Dataset.load(tmp_path / "here").events) == 1


@pytest.mark.parametrize("name", ["i1.jpg", "i1.jpeg", "i1.png", "i1.webp", "i1.gif", "i1.bmp", "i1.JPG"])
def test_pictures_are_found_by_id(tmp_path, name) -> None:
    (tmp_path / name).write_bytes(b"\xff\xd8\xff")
    (batch,) = pictures_at(tmp_path, id_column="item_id", bytes_column="bytes")(pl.Series(["i1", "i2"]))
    assert batch["item_id"].to_list() == ["i1"]
