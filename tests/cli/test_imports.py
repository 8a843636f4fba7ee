import json

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.registry import SOURCES

MAP = 'event = "purchase"\n[items]\ncategorical = ["colour"]\n'
ROWS = "user_id,item_id,timestamp,colour\n" + "".join(f"u{n},007{n},2024-05-0{n},red\n" for n in range(1, 6))


@pytest.fixture
def files(tmp_path):
    (tmp_path / "log.csv").write_text(ROWS)
    (tmp_path / "map.toml").write_text(MAP)
    return tmp_path


def test_a_table_becomes_a_dataset(muslin, files) -> None:
    found = muslin("import", "table", "log.csv", "shop", "--map", "map.toml", "--json", "-")
    report = json.loads(found.out)
    assert found.status == 0
    assert (report["source"], report["destination"]) == ("table", "shop")
    assert report["kept"] == {"items": 5, "events": 5}
    assert "events: 5 rows read, 5 kept" in found.err
    assert Dataset.load(files / "shop").items["item_id"].to_list() == ["0071", "0072", "0073", "0074", "0075"]


@pytest.mark.parametrize(("allowed", "status"), [("16%", 3), ("17%", 0), ("0.16", 3), ("0.17", 0)])
def test_how_much_may_be_bad(muslin, files, allowed, status) -> None:
    with (files / "log.csv").open("a") as file:
        file.write("u9,0079,yesterday,red\n")
    found = muslin("import", "table", "log.csv", "shop", "--map", "map.toml", "--max-bad", allowed)
    assert found.status == status
    assert (files / "shop").exists() == (status == 0)
    kept_at = files / ("shop/quarantine.parquet" if status == 0 else "shop.quarantine.parquet")
    assert pl.read_parquet(kept_at)["line"].to_list() == [7]


def test_a_dataset_is_replaced_only_when_told(muslin, files) -> None:
    command = ["import", "table", "log.csv", "shop", "--map", "map.toml"]
    assert [muslin(*command).status, muslin(*command).status, muslin(*command, "--overwrite").status] == [0, 2, 0]


@pytest.mark.parametrize("allowed", ["2", "some", "-1%"])
def test_what_is_no_share(muslin, files, allowed) -> None:
    found = muslin("import", "table", "log.csv", "shop", "--map", "map.toml", "--max-bad", allowed)
    assert (found.status, "code: bad_share" in found.err) == (2, True)


def test_help_names_every_source(muslin) -> None:
    found = muslin("import", "--help")
    assert [name for name in SOURCES if name not in found.out] == []
