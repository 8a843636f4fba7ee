import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.sport_cloth import import_sport_cloth
from muslin.errors import DataError, UsageError

FILES = {
    # Shoppers 0-3 are in both; 2 is held out of sport, 3 of cloth; 4 is another person in each.
    "sport_cloth": {"train": [(0, 0), (1, 1), (3, 0), (4, 2)], "valid": [(2, 0)], "test": [(2, 1)]},
    "cloth_sport": {"train": [(0, 0), (1, 0), (2, 1), (4, 1), (5, 0)], "valid": [(3, 0)], "test": [(3, 1)]},
}


@pytest.fixture
def src(tmp_path):
    for folder, parts in FILES.items():
        (tmp_path / "pair" / folder).mkdir(parents=True)
        for part, rows in parts.items():
            text = "".join(f"{user}\t{item}\n" for user, item in rows)
            (tmp_path / "pair" / folder / f"{part}.txt").write_text(text)
    return tmp_path / "pair"


def test_shared_shoppers_meet_and_others_do_not(src, tmp_path) -> None:
    report = import_sport_cloth(src, tmp_path / "ds")
    loaded = Dataset.load(tmp_path / "ds")
    assert dict(loaded.items.group_by("domain").len().rows()) == {"sport": 3, "cloth": 2}
    assert set(loaded.users["user_id"]) == {"0", "1", "2", "3", "sport-4", "cloth-4", "cloth-5"}
    theirs = loaded.events.filter(pl.col("user_id") == "2").sort("part", "item_id")
    assert theirs.select("item_id", "part").rows() == [("sport-1", "test"), ("cloth-1", "train"), ("sport-0", "valid")]
    assert (report.kept["events"], report.quarantined, loaded.schema.name) == (13, {}, "sport_cloth")
    assert loaded.events["timestamp"].n_unique() == 1


def test_the_published_split_can_be_made_again(src, tmp_path) -> None:
    import_sport_cloth(src, tmp_path / "ds")
    events = Dataset.load(tmp_path / "ds").events.join(Dataset.load(tmp_path / "ds").items, on="item_id")
    for folder, parts in FILES.items():
        domain = folder.split("_")[0]
        for part, rows in parts.items():
            found = events.filter((pl.col("domain") == domain) & (pl.col("part") == part))
            numbers = [(int(u.split("-")[-1]), int(i.split("-")[-1])) for u, i in found["user_id", "item_id"].rows()]
            assert sorted(numbers) == sorted(rows)


def test_bad_rows_keep_file_and_line(src, tmp_path) -> None:
    with (src / "cloth_sport" / "train.txt").open("a") as file:
        file.write("x\t1\n1 2\n")
    report = import_sport_cloth(src, tmp_path / "ds", max_bad=0.5)
    assert report.quarantined == {"events": {"bad_number": 1, "ragged_row": 1}}
    quarantine = pl.read_parquet(tmp_path / "ds" / "quarantine.parquet").sort("line")
    assert quarantine.select("file", "line", "code").rows() == [
        ("cloth_sport/train.txt", 6, "bad_number"),
        ("cloth_sport/train.txt", 7, "ragged_row"),
    ]
    with pytest.raises(DataError) as caught:
        import_sport_cloth(src, tmp_path / "strict")
    assert caught.value.code == "too_many_bad_rows"
    assert "cloth_sport/train.txt:6" in caught.value.message


def test_layouts_that_are_none_are_refused(src, tmp_path) -> None:
    with pytest.raises(UsageError, match="takes no map"):
        import_sport_cloth(src, tmp_path / "ds", mapping=src)
    with pytest.raises(DataError, match="no two directories"):
        import_sport_cloth(src / "sport_cloth", tmp_path / "ds")
    (src / "sport_cloth" / "test.txt").write_text("99\t1\n")
    with pytest.raises(DataError, match="shopper 99 is held out") as caught:
        import_sport_cloth(src, tmp_path / "ds")
    assert caught.value.code == "bad_split"
    (src / "sport_cloth" / "test.txt").unlink()
    with pytest.raises(DataError) as caught:
        import_sport_cloth(src, tmp_path / "ds")
    assert caught.value.code == "missing_file"
    for name in ("phone_elec", "elec_phone"):
        (src / name).mkdir()
    with pytest.raises(DataError) as caught:
        import_sport_cloth(src, tmp_path / "ds")
    assert caught.value.code == "ambiguous_table"


@pytest.mark.data
def test_the_published_files(research_data, tmp_path) -> None:
    report = import_sport_cloth(research_data / "amazon_sport_cloth", tmp_path / "ds")
    assert (report.kept["items"], report.kept["events"]) == (12_655 + 17_943, 170_426 + 194_121)
    loaded = Dataset.load(tmp_path / "ds")
    events = loaded.events.join(loaded.items, on="item_id")
    users = events.group_by("domain").agg(pl.col("user_id").unique())
    both = [set(names) for names in users["user_id"]]
    assert sorted(map(len, both)) == [27_328, 41_829]
    assert len(both[0] & both[1]) == 9_828
    # What the publishers say of the shoppers of both domains.
    shared = events.filter(~pl.col("user_id").str.contains("-")).group_by("domain").len()
    assert dict(shared.rows()) == {"sport": 71_002, "cloth": 59_850}
    tested = events.filter(pl.col("part") == "test").group_by("domain").len()
    assert dict(tested.rows()) == {"sport": 3_546, "cloth": 3_085}
