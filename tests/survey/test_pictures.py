import base64
import io
from dataclasses import replace

import polars as pl
import pytest
from PIL import Image

from muslin.data.pictures import batches
from muslin.data.pictures import ids as stored_ids
from muslin.data.quarantine import entries
from muslin.errors import DataError
from muslin.survey import pictures


@pytest.fixture
def stored(hostile, tmp_path, draw, encode):
    """The shop with pictures of two garments, one of nobody, and a broken one, in a Parquet file."""
    rows = {"item_id": ["i0", "i1", "stranger", "i2"], "bytes": [encode(draw(n)) for n in range(3)] + [b"broken"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "images.parquet")
    return replace(hostile, root=tmp_path, schema=replace(hostile.schema, images="images.parquet"))


def test_where_and_whose(stored) -> None:
    source = pictures.place(stored)
    assert source is not None
    ids = stored_ids(source)
    assert ids.to_list() == ["i0", "i1", "stranger", "i2"]
    assert pictures.counted(stored, ids, {"truncated": 1}).items == 3
    read = pl.concat(list(batches(source, stored.items["item_id"])))
    assert read["item_id"].to_list() == ["i0", "i1", "i2"]


def test_a_directory_is_read_alike(stored, tmp_path, draw, encode) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "i0.jpg").write_bytes(encode(draw(0)))
    (folder / "i9.png").write_bytes(encode(draw(0), "PNG"))
    (folder / "notes.txt").write_text("none")
    assert sorted(stored_ids(folder)) == ["i0", "i9"]
    read = pl.concat(list(batches(folder, stored.items["item_id"])))
    assert read["item_id"].to_list() == ["i0"]


def test_thumbnails_are_small_pictures_of_our_own(stored) -> None:
    source = pictures.place(stored)
    assert source is not None
    found = pictures.thumbnails(source, {"i0", "i2", "nobody"})
    assert list(found) == ["i0"]
    picture = Image.open(io.BytesIO(base64.b64decode(found["i0"])))
    assert (picture.format, picture.size) == ("JPEG", (144, 144))


def test_refused_pictures_are_counted_by_code(stored, tmp_path) -> None:
    assert pictures.counted(stored, pl.Series([], dtype=pl.String), None).refused == {}
    rows = [(None, "truncated", "x", "i3"), (None, "truncated", "x", "i4"), (None, "too_large", "x", "i5")]
    entries([*rows, (7, "duplicate_id", "x", "{}")], "f").write_parquet(tmp_path / "quarantine.parquet")
    refused = pictures.counted(stored, pl.Series([], dtype=pl.String), None).refused
    assert refused == {"truncated": 2, "too_large": 1}
    (tmp_path / "quarantine.parquet").write_bytes(b"PAR1 no")
    assert pictures.counted(stored, pl.Series([], dtype=pl.String), None).refused == {}


def test_no_pictures_are_no_error_but_lost_ones_are(hostile, stored, tmp_path) -> None:
    assert pictures.place(hostile) is None
    (tmp_path / "images.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError) as bad:
        stored_ids(tmp_path / "images.parquet")
    (tmp_path / "images.parquet").unlink()
    with pytest.raises(DataError) as gone:
        pictures.place(stored)
    assert (bad.value.code, gone.value.code) == ("bad_parquet", "missing_file")
