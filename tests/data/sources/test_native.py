import logging
import shutil
from datetime import UTC, datetime

import polars as pl
import pytest

from muslin.data.checks import clean
from muslin.data.dataset import Dataset
from muslin.data.read import table_of
from muslin.data.schema import ItemRoles, Schema, write_schema
from muslin.data.store import write_dataset
from muslin.errors import DataError

SCHEMA = Schema(name="shop", items=ItemRoles(categorical=("brand",)), timezone="Europe/Paris")
ITEMS = pl.DataFrame({"item_id": ["0001", "0002"], "brand": ["a", None]})
EVENTS = pl.DataFrame(
    {"user_id": ["u1", "u2"], "item_id": ["0002", "0001"], "timestamp": ["2024-05-02", "2024-05-01"], "event": "view"}
)


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    write_schema(SCHEMA, folder / "dataset.toml")
    ITEMS.write_csv(folder / "items.csv")
    EVENTS.write_csv(folder / "events.csv")
    return folder


def code_of(folder, **options) -> str:
    with pytest.raises(DataError) as caught:
        Dataset.load(folder, **options)
    assert str(folder.parent) in str(caught.value) or folder.name in str(caught.value) or caught.value.where
    assert caught.value.fix
    return caught.value.code


def test_csv_without_users_loads(shop) -> None:
    loaded = Dataset.load(shop)
    assert loaded.items["item_id"].to_list() == ["0001", "0002"]
    assert loaded.users["user_id"].to_list() == ["u2", "u1"]
    assert loaded.events["timestamp"][0] == datetime(2024, 4, 30, 22, tzinfo=UTC)
    assert loaded.root == shop
    assert not (shop / "quarantine.parquet").exists()


def test_csv_and_parquet_say_the_same(shop, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(shop / "dataset.toml", other)
    ITEMS.write_parquet(other / "items.parquet")
    EVENTS.with_columns(pl.col("timestamp").str.to_date()).write_parquet(other / "events.parquet")
    a, b = Dataset.load(shop), Dataset.load(other)
    assert a.items.equals(b.items)
    assert a.events.equals(b.events)


def test_a_sealed_dataset_is_not_checked_again(shop, tmp_path, monkeypatch) -> None:
    cleaned = clean(table_of(ITEMS, "items.csv"), None, table_of(EVENTS, "events.csv"), SCHEMA)
    sealed = tmp_path / "sealed"
    write_dataset(sealed, SCHEMA, cleaned)
    monkeypatch.setattr("muslin.data.importing.clean", None)
    assert Dataset.load(sealed).events.equals(cleaned.events)
    monkeypatch.undo()
    # Whoever changes a table has it checked again.
    ITEMS.with_columns(item_id=pl.Series(["0001", "a b"])).write_parquet(sealed / "items.parquet")
    assert len(Dataset.load(sealed, max_bad=0.5).items) == 1


def test_bad_rows_are_left_out_written_down_and_logged(shop, caplog) -> None:
    pl.concat([EVENTS, EVENTS.with_columns(item_id=pl.lit("zzz")).head(1)]).write_csv(shop / "events.csv")
    with caplog.at_level(logging.WARNING):
        loaded = Dataset.load(shop, max_bad=0.5)
    assert len(loaded.events) == 2
    quarantine = pl.read_parquet(shop / "quarantine.parquet")
    assert quarantine.select("file", "line", "code").rows() == [("events.csv", 4, "unknown_item")]
    assert "1 rows or vectors refused" in caplog.text
    assert code_of(shop) == "too_many_bad_rows"


def test_what_an_import_refused_is_not_forgotten(shop) -> None:
    from muslin.data.quarantine import entries

    entries([(9, "bad_id", "why", "{}")], "articles.csv").write_parquet(shop / "quarantine.parquet")
    pl.concat([EVENTS, EVENTS.with_columns(item_id=pl.lit("zzz")).head(1)]).write_csv(shop / "events.csv")
    for _ in range(2):
        Dataset.load(shop, max_bad=0.5)
        assert pl.read_parquet(shop / "quarantine.parquet")["file"].to_list() == ["articles.csv", "events.csv"]


def test_a_read_only_dataset_loads_too(shop, monkeypatch, caplog) -> None:
    def fail(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("muslin.data.sources.native.write", fail)
    pl.concat([EVENTS, EVENTS.with_columns(item_id=pl.lit("zzz")).head(1)]).write_csv(shop / "events.csv")
    assert len(Dataset.load(shop, max_bad=0.5).events) == 2
    assert "Read-only" in caplog.text


def test_all_bad_is_refused_whatever_is_allowed(shop) -> None:
    EVENTS.with_columns(event=pl.lit("pruchase")).write_csv(shop / "events.csv")
    assert code_of(shop, max_bad=1.0) == "no_good_rows"


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("items.csv", b"", "empty_file"),
        ("items.csv", b"item_id,brand\n", "empty_file"),
        ("items.csv", "item_id,brand\n1,caf\xe9\n".encode("latin-1"), "wrong_encoding"),
        ("items.csv", b"item_id,brnd\n1,a\n", "missing_column"),
        ("items.csv", b"0001,a\n0002,b\n", "missing_header"),
        ("items.csv", b"item_id,brand,brand\n1,a,b\n", "duplicate_header"),
        ("events.csv", b"user_id,item_id,timestamp\nu,0001,2024-05-01\n", "missing_column"),
        ("dataset.toml", b"name = 'x'\nformat = 99\n", "newer_format"),
        ("dataset.toml", b"nam = 'x'\n", "unknown_key"),
        ("dataset.toml", b"name = 'x'\ntimezone = 'Europe/Atlantis'\n", "unknown_timezone"),
    ],
)
def test_what_cannot_be_loaded(shop, name, data, code) -> None:
    (shop / name).write_bytes(data)
    assert code_of(shop) == code


def test_what_is_not_there(shop, tmp_path) -> None:
    with pytest.raises(DataError, match="did you mean 'shop'") as caught:
        Dataset.load(tmp_path / "shopp")
    assert caught.value.code == "missing_file"
    assert code_of(shop / "items.csv") == "missing_file"
    (shop / "events.csv").rename(shop / "event.csv")
    with pytest.raises(DataError, match=r"did you mean 'event'") as caught:
        Dataset.load(shop)
    assert caught.value.code == "missing_file"
    (shop / "dataset.toml").unlink()
    assert code_of(shop) == "not_a_dataset"


def test_a_truncated_table_is_refused_not_rechecked(tmp_path) -> None:
    cleaned = clean(table_of(ITEMS, "items.csv"), None, table_of(EVENTS, "events.csv"), SCHEMA)
    write_dataset(tmp_path / "shop", SCHEMA, cleaned)
    path = tmp_path / "shop" / "events.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    assert code_of(tmp_path / "shop") == "bad_parquet"


def test_users_are_read_where_they_are(shop) -> None:
    (shop / "users.csv").write_text("user_id,note\nu9,x\nu1,\n")
    assert Dataset.load(shop).users.rows() == [("u9", "x"), ("u1", None), ("u2", None)]


@pytest.mark.parametrize("kind", ["damaged", "foreign"])
def test_an_old_quarantine_that_makes_no_sense_is_replaced(shop, kind) -> None:
    if kind == "damaged":
        (shop / "quarantine.parquet").write_bytes(b"PAR1")
    else:
        ITEMS.write_parquet(shop / "quarantine.parquet")
    EVENTS.with_columns(item_id=pl.Series(["0001", "zzz"])).write_csv(shop / "events.csv")
    Dataset.load(shop, max_bad=0.5)
    assert pl.read_parquet(shop / "quarantine.parquet")["code"].to_list() == ["unknown_item"]
