import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.recbole import import_recbole
from muslin.errors import DataError, UsageError


@pytest.fixture
def src(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "toy.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\tnote:token\n"
        "1\t01\t10\t881250949\tx\n1\t2\t7.5\t891717742\ty\n2\t2\t8\t878887116\tz\n"
    )
    (folder / "toy.item").write_text("item_id:token\tname:token_seq\tclass:token_seq\n01\tRed coat\ta b\n2\tBag\t\n")
    (folder / "toy.user").write_text("user_id:token\tage:token\n1\t24\n2\t53\n")
    return folder


def test_headers_say_what_the_columns_are(src, tmp_path) -> None:
    report = import_recbole(src, tmp_path / "ds")
    loaded = Dataset.load(tmp_path / "ds")
    assert loaded.items.select("item_id", "name", "class").rows() == [
        ("01", "Red coat", ["a", "b"]),
        ("2", "Bag", None),
    ]
    assert (loaded.schema.items.title, loaded.schema.items.multi) == ("name", ("class",))
    assert loaded.schema.users.categorical == ("age",)
    assert loaded.events.select("user_id", "item_id", "event", "weight", "value").rows() == [
        ("2", "2", "like", 1.0, 8.0),
        ("1", "01", "like", 1.0, 10.0),
        ("1", "2", "rate", 0.0, 7.5),
    ]
    assert report.warnings[0].text.startswith("ratings of 8 or more count as liking, 2 of 3")


def test_only_interactions_are_needed(src, tmp_path) -> None:
    for name in ("toy.item", "toy.user"):
        (src / name).unlink()
    (src / "toy.inter").write_text("user_id:token\titem_id:token\n1\ta\n2\ta\n")
    import_recbole(src / "toy.inter", tmp_path / "ds")
    loaded = Dataset.load(tmp_path / "ds")
    assert loaded.items["item_id"].to_list() == ["a"]
    assert loaded.events.select("event", "weight").unique().rows() == [("interaction", 1.0)]
    assert loaded.events["timestamp"].dt.year().to_list() == [2000, 2000]


def test_bad_rows_keep_their_lines(src, tmp_path) -> None:
    with (src / "toy.inter").open("a") as file:
        file.write("2\t01\tgood\t881250949\t\n2\t01\t5\tnever\t\n2\t01\t5\n2\t9\t5\t881250949\t\n")
    report = import_recbole(src, tmp_path / "ds", max_bad=0.9)
    assert report.kept["events"] == 3
    quarantine = pl.read_parquet(tmp_path / "ds" / "quarantine.parquet").sort("line")
    assert quarantine.select("line", "code").rows() == [
        (5, "bad_value"),
        (6, "bad_timestamp"),
        (7, "ragged_row"),
        (8, "unknown_item"),
    ]


def test_which_file_is_meant_must_be_clear(src, tmp_path) -> None:
    with pytest.raises(UsageError, match="take no map"):
        import_recbole(src, tmp_path / "ds", mapping=src)
    (src / "two.inter").write_text("user_id:token\titem_id:token\n1\ta\n")
    with pytest.raises(DataError) as caught:
        import_recbole(src, tmp_path / "ds")
    assert caught.value.code == "ambiguous_table"
    with pytest.raises(DataError) as caught:
        import_recbole(tmp_path, tmp_path / "ds")
    assert caught.value.code == "missing_file"
