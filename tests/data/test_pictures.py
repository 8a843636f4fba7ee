import polars as pl
import pytest

from muslin.data import pictures
from muslin.data.pictures import from_folder, from_parquet, sift
from muslin.errors import DataError

JPEG, PNG = b"\xff\xd8\xff1", b"\x89PNG\r\n\x1a\n2"


@pytest.mark.parametrize("batch", [1, 2, 512])
def test_a_folder_is_read_in_batches(tmp_path, monkeypatch, batch) -> None:
    monkeypatch.setattr(pictures, "BATCH", batch)
    (tmp_path / "a.jpg").write_bytes(JPEG)
    (tmp_path / "b.png").write_bytes(PNG)
    (tmp_path / "d.jpg").mkdir()
    (tmp_path / "e.jpg").write_bytes(b"")
    ids = pl.Series(["a", "b", "c", "d", "e"])
    found = list(from_folder(ids, lambda name: [tmp_path / f"{name}.jpg", tmp_path / f"{name}.png"]))
    assert max(map(len, found)) <= batch
    assert pl.concat(found).rows() == [("a", JPEG), ("b", PNG), ("e", b"")]


def test_a_huge_file_is_not_read_whole(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(pictures, "SIZE_LIMIT", 10)
    (tmp_path / "a.jpg").write_bytes(JPEG + bytes(1000))
    (batch,) = from_folder(pl.Series(["a"]), lambda name: [tmp_path / f"{name}.jpg"])
    assert len(batch["bytes"][0]) == 11
    assert sift(batch, "images")[1]["code"].to_list() == ["bad_picture"]


def test_parquet_gives_the_wanted_pictures(tmp_path) -> None:
    path = tmp_path / "p.parquet"
    pl.DataFrame({"article": ["01", "02", "03"], "jpeg": [JPEG, PNG, JPEG]}).write_parquet(path)
    found = pl.concat(from_parquet(path, pl.Series(["03", "01"]), id_column="article", bytes_column="jpeg"))
    assert found.rows() == [("01", JPEG), ("03", JPEG)]
    assert dict(found.schema) == pictures.SCHEMA


def test_parquet_of_something_else_is_refused(tmp_path) -> None:
    path = tmp_path / "p.parquet"
    pl.DataFrame({"item_id": ["01"], "jpg": [JPEG]}).write_parquet(path)
    with pytest.raises(DataError, match="did you mean 'jpg'") as caught:
        list(from_parquet(path, pl.Series(["01"]), id_column="item_id", bytes_column="jpeg"))
    assert caught.value.code == "missing_column"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError) as caught:
        list(from_parquet(path, pl.Series(["01"]), id_column="item_id", bytes_column="jpg"))
    assert caught.value.code == "bad_parquet"


@pytest.mark.parametrize(
    ("data", "sound"),
    [
        (JPEG, True),
        (PNG, True),
        (b"<html>", False),
        (b"<svg/>", False),
        (b"", False),
        (None, False),
        (b"GIF89a", False),
    ],
)
def test_what_counts_as_a_picture(data, sound) -> None:
    batch = pl.DataFrame({"item_id": ["a"], "bytes": pl.Series([data], dtype=pl.Binary)})
    good, bad = sift(batch, "images.parquet")
    assert (len(good), len(bad)) == ((1, 0) if sound else (0, 1))
