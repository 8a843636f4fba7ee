import threading
import time

import polars as pl
import pytest

from muslin.data import pictures
from muslin.data.pictures import SUFFIXES, by_name, from_folder, from_parquet, sifted
from muslin.errors import DataError
from muslin.testing.pictures import bad, kinds, polyglot

JPEG, PNG = kinds()["JPEG"], kinds()["PNG"]


@pytest.mark.parametrize("batch", [1, 2, 512])
@pytest.mark.parametrize("full", ["pictures", "bytes"])
def test_a_folder_is_read_in_batches(tmp_path, monkeypatch, batch, full) -> None:
    monkeypatch.setattr(pictures, "BATCH" if full == "pictures" else "BATCH_BYTES", batch)
    (tmp_path / "a.jpg").write_bytes(JPEG)
    (tmp_path / "b.png").write_bytes(PNG)
    (tmp_path / "d.jpg").mkdir()
    (tmp_path / "e.jpg").write_bytes(b"")
    ids = pl.Series(["a", "b", "c", "d", "e"])
    found = list(from_folder(ids, lambda name: tmp_path / f"{name}.{'png' if name == 'b' else 'jpg'}"))
    assert max(map(len, found)) <= (batch if full == "pictures" else 2)
    assert pl.concat(found).rows() == [
        ("a", JPEG, "a.jpg", None),
        ("b", PNG, "b.png", None),
        ("e", b"", "e.jpg", None),
    ]


def test_files_are_found_by_name_in_any_format(tmp_path) -> None:
    for n, suffix in enumerate(SUFFIXES):
        (tmp_path / f"{n}{suffix.upper() if n % 2 else suffix}").touch()
    for name in ("x.png", "x.jpg", "x.txt", "a.b.webp", "c.tiff"):
        (tmp_path / name).touch()
    (tmp_path / "d.jpg").mkdir()
    place = by_name(tmp_path)
    assert all(place(str(n)).suffix.lower() == suffix for n, suffix in enumerate(SUFFIXES))
    assert (place("x").name, place("a.b").name) == ("x.jpg", "a.b.webp")
    assert [place(name) for name in ("a", "c", "d", "")] == [None] * 4


def test_a_huge_file_is_not_read_whole(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(pictures, "SIZE_LIMIT", 10)
    (tmp_path / "a.jpg").write_bytes(JPEG)
    (batch,) = from_folder(pl.Series(["a"]), lambda name: tmp_path / f"{name}.jpg")
    assert len(batch["bytes"][0]) == 11


def test_parquet_gives_the_wanted_pictures(tmp_path) -> None:
    path = tmp_path / "p.parquet"
    pl.DataFrame({"article": ["01", "02", "03"], "jpeg": [JPEG, PNG, JPEG]}).write_parquet(path)
    found = pl.concat(from_parquet(path, pl.Series(["03", "01"]), id_column="article", bytes_column="jpeg"))
    assert found.rows() == [("01", JPEG, "p.parquet", 1), ("03", JPEG, "p.parquet", 3)]
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


def test_batches_of_large_pictures_are_short(tmp_path, monkeypatch) -> None:
    path = tmp_path / "p.parquet"
    pl.DataFrame({"item_id": [str(n) for n in range(9)], "bytes": [bytes(1000)] * 9}).write_parquet(
        path, compression="uncompressed", use_pyarrow=True, pyarrow_options={"use_dictionary": False}
    )
    monkeypatch.setattr(pictures, "BATCH_BYTES", 3500)
    found = list(from_parquet(path, pl.Series(["0", "8"]), id_column="item_id", bytes_column="bytes"))
    assert len(found) >= 3
    assert pl.concat(found)["line"].to_list() == [1, 9]


def batch_of(*contents: bytes | None) -> pl.DataFrame:
    rows = [(f"i{n}", content, "p.parquet", n + 1) for n, content in enumerate(contents)]
    return pl.DataFrame(rows, schema=pictures.SCHEMA, orient="row")


def test_pictures_are_kept_to_the_bit_made_anew_or_refused() -> None:
    (found,) = sifted([batch_of(JPEG, b"<html>", polyglot("PNG"), None, PNG)])
    assert found.good["item_id"].to_list() == ["i0", "i2", "i4"]
    kept = found.good["bytes"].to_list()
    assert (kept[0], kept[2], found.remade) == (JPEG, PNG, 1)
    assert kept[1] == PNG
    assert found.bad.drop("reason").rows() == [
        ("p.parquet", 2, "not_a_picture", "i1"),
        ("p.parquet", 4, "truncated", "i3"),
    ]


def test_batches_keep_their_order_and_only_one_is_read_ahead(monkeypatch) -> None:
    workers, read = set(), []

    def slow(content: bytes) -> bytes:
        workers.add(threading.current_thread().name)
        time.sleep(0.001 * (content[0] % 3))
        return content

    def batches():
        for n in range(4):
            read.append(n)
            yield batch_of(*(bytes([n * 20 + k]) for k in range(20)))

    monkeypatch.setattr(pictures, "admitted", slow)
    for n, found in enumerate(sifted(batches())):
        assert read == list(range(n + 1))
        assert found.good["bytes"].to_list() == [bytes([n * 20 + k]) for k in range(20)]
    assert len(workers) >= 2


def test_nothing_at_all_is_sifted() -> None:
    assert list(sifted([])) == []
    (found,) = sifted([batch_of()])
    assert (len(found.good), len(found.bad), found.remade) == (0, 0, 0)
    (found,) = sifted([batch_of(*(b.content for b in bad().values() if b.code == "not_a_picture"))])
    assert found.good.schema == {"item_id": pl.String, "bytes": pl.Binary}
    assert found.good.is_empty()
