import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.dataset import Dataset
from muslin.data.lines import read_lines
from muslin.data.sources.citeulike import PARTS, counted, import_citeulike
from muslin.errors import DataError, UsageError

SPLIT = {"train": [(0, 0), (1, 1)], "warm_valid": [(0, 1)], "warm_test": [(1, 0)], "cold_valid": [(0, 2)]}


@pytest.fixture
def src(tmp_path):
    folder = tmp_path / "citeulike"
    folder.mkdir()
    (folder / "users.dat").write_text("3 0 1 2\n3 0 1 3")
    (folder / "item-tag.dat").write_text("2 0 2\n0\n1 1\n1 9")
    (folder / "tags.dat").write_text("genes\nnets|works\ngraphs")
    (folder / "citations.dat").write_text("1 1\n2 0 2\n1 1\n0")
    for name, part in PARTS.items():
        rows = SPLIT.get(part, [(1, 3)])
        (folder / name).write_text("user,item\n" + "".join(f"{u},{i}\n" for u, i in rows))
    return folder


def test_line_numbers_are_ids_and_tags_are_words(src, tmp_path) -> None:
    report = import_citeulike(src, tmp_path / "ds")
    loaded = Dataset.load(tmp_path / "ds")
    assert loaded.items.select("item_id", "tags", "cites").rows() == [
        ("0", ["genes", "graphs"], ["1"]),
        ("1", None, ["0", "2"]),
        ("2", ["nets|works"], ["1"]),
        ("3", None, []),
    ]
    assert loaded.schema.items.columns() == ("tags",)
    assert [(note.code, note.count) for note in report.warnings] == [("unknown_tag", 1)]
    assert report.kept == {"items": 4, "users": 2, "events": 6}
    assert loaded.events["timestamp"].n_unique() == 1


def test_the_published_split_can_be_made_again(src, tmp_path) -> None:
    import_citeulike(src, tmp_path / "ds")
    events = Dataset.load(tmp_path / "ds").events
    found = {part: sorted(rows.select("user_id", "item_id").rows()) for (part,), rows in events.group_by("part")}
    assert found == {part: [(str(u), str(i)) for u, i in SPLIT.get(part, [(1, 3)])] for part in PARTS.values()}


def test_without_a_split_there_are_no_parts(src, tmp_path) -> None:
    for name in PARTS:
        (src / name).unlink()
    (src / "citations.dat").unlink()
    import_citeulike(src, tmp_path / "ds")
    loaded = Dataset.load(tmp_path / "ds")
    assert "part" not in loaded.events.columns
    assert "cites" not in loaded.items.columns


def test_half_a_split_or_two_are_refused(src, tmp_path) -> None:
    with pytest.raises(UsageError, match="takes no map"):
        import_citeulike(src, tmp_path / "ds", mapping=src)
    (src / "aldi_warm_val.csv").write_text("user,item\n0,0\n")
    with pytest.raises(DataError, match="user 0 and item 0") as caught:
        import_citeulike(src, tmp_path / "ds")
    assert caught.value.code == "bad_split"
    (src / "aldi_warm_val.csv").write_text("user,item\n0\n")
    with pytest.raises(DataError) as caught:
        import_citeulike(src, tmp_path / "ds")
    assert (caught.value.code, caught.value.where) == ("bad_split", f"{src / 'aldi_warm_val.csv'}:2")
    (src / "aldi_warm_val.csv").unlink()
    with pytest.raises(DataError, match="aldi_warm_val"):
        import_citeulike(src, tmp_path / "ds")


def test_pairs_on_one_side_only_are_counted(src, tmp_path) -> None:
    (src / "aldi_warm_val.csv").write_text("user,item\n0,9\n")
    report = import_citeulike(src, tmp_path / "ds")
    assert ("no_part", 2) in [(note.code, note.count) for note in report.warnings]


def test_bad_lines_cost_themselves_only(src, tmp_path) -> None:
    (src / "users.dat").write_text("3 0 1 2\n3 0 1 3\n2 1 7\n2 1\n1 x\n\n1 2")
    report = import_citeulike(src, tmp_path / "ds", max_bad=0.6)
    assert report.kept["users"] == 4
    assert report.kept["events"] == 8
    quarantine = pl.read_parquet(tmp_path / "ds" / "quarantine.parquet").filter(pl.col("file") == "users.dat")
    rows = quarantine.sort("line", "code").select("line", "code", "reason").unique(maintain_order=True).rows()
    assert rows == [
        (3, "unknown_item", "no article is called '7'"),
        (4, "ragged_row", "the line says 2 numbers follow, and 1 do"),
        (5, "bad_number", "not all are whole numbers"),
        (6, "ragged_row", "the line is blank"),
    ]


@given(st.lists(st.text(alphabet="0123456789 x-\t", max_size=12), min_size=1, max_size=6))
def test_counted_lines_are_as_a_reader_would_count(tmp_path_factory, lines) -> None:
    path = tmp_path_factory.mktemp("counted") / "a.dat"
    path.write_text("\n".join([*lines, "0"]))
    table = counted(read_lines(path))
    expected = {}
    for number, line in enumerate([*lines, "0"]):
        words = line.split()
        if words and all(w.isdigit() for w in words) and int(words[0]) == len(words) - 1:
            expected[number] = [int(w) for w in words[1:]]
    assert dict(table.frame.select("number", "ids").rows()) == expected
    assert table.rows == len(lines) + 1


@pytest.mark.data
def test_the_real_articles_and_their_cold_split(research_data, tmp_path) -> None:
    folder = research_data / "citeulike"
    report = import_citeulike(folder, tmp_path / "ds")
    assert report.kept == {"items": 16_980, "users": 5_551, "events": 204_986}
    assert (report.quarantined, report.warnings) == ({}, ())
    events = Dataset.load(tmp_path / "ds").events
    for name, part in PARTS.items():
        given = pl.read_csv(folder / name, infer_schema=False)
        found = events.filter(pl.col("part") == part)
        assert set(found["user_id", "item_id"].rows()) == set(given.rows())
        assert len(found) == len(given)
    cold = events.filter(pl.col("part").is_in(["cold_valid", "cold_test"]))["item_id"].unique()
    assert len(cold) == 3_396
    assert not set(cold) & set(events.filter(pl.col("part") == "train")["item_id"])
