from contextlib import suppress

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muslin.data.quarantine import LINE
from muslin.data.read import Dialect, find_table, read_table, require_columns
from muslin.errors import DataError, MuslinError


@pytest.fixture
def put(tmp_path):
    def write(name: str, data: bytes):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def parquet_bytes(tmp_path, frame: pl.DataFrame) -> bytes:
    path = tmp_path / "whole.parquet"
    frame.write_parquet(path)
    return path.read_bytes()


def test_csv_is_text_with_lines(put) -> None:
    table = read_table(put("items.csv", "item_id,title\n0108,Kjølig\n0007,\n".encode()))
    assert table.frame.drop(LINE).rows() == [("0108", "Kjølig"), ("0007", None)]
    assert table.frame[LINE].to_list() == [2, 3]
    assert table.rows == 2


def test_byte_order_mark_and_crlf_are_fine(put) -> None:
    table = read_table(put("items.csv", "\ufeffitem_id,title\r\n1,a\r\n".encode()))
    assert table.frame.drop(LINE).to_dicts() == [{"item_id": "1", "title": "a"}]


def test_tsv_is_separated_by_tabs(put) -> None:
    assert read_table(put("a.tsv", b"a\tb\n1\t2\n")).frame.select("a", "b").rows() == [("1", "2")]


def test_parquet_rows_are_numbered_from_one(put, tmp_path) -> None:
    table = read_table(put("a.parquet", parquet_bytes(tmp_path, pl.DataFrame({"item_id": [7, 8]}))))
    assert table.frame.rows() == [(7, 1), (8, 2)]


@pytest.mark.parametrize(
    ("name", "data", "code", "says"),
    [
        ("a.csv", b"", "empty_file", "empty"),
        ("a.csv", b"\n\n", "empty_file", "empty"),
        ("a.csv", "item_id,title\n1,café\n".encode("latin-1"), "wrong_encoding", "byte 19 (0xE9)"),
        ("a.csv", "item_id\n1\n".encode("utf-16"), "wrong_encoding", "UTF-16"),
        ("a.csv", "item_id\n1\n".encode("utf-16-le"), "wrong_encoding", "UTF-16"),
        ("a.csv", "item_id\n1\n".encode("utf-32"), "wrong_encoding", "UTF-32"),
        ("a.csv", b"PAR1....", "unknown_format", "Parquet"),
        ("a.csv", b"\x1f\x8b\x08\x00", "unknown_format", "gzip"),
        ("a.csv", b"PK\x03\x04", "unknown_format", "zip"),
        ("a.xlsx", b"PK\x03\x04", "unknown_format", ".xlsx"),
        ("a.csv", b"a,a\n1,2\n", "duplicate_header", "'a' appears twice"),
        ("a.parquet", b"item_id\n1\n", "bad_parquet", "not a Parquet"),
        ("a.parquet", b"", "empty_file", "empty"),
        ("a.parquet", b"PAR1" + bytes(200) + b"PAR1", "bad_parquet", "damaged"),
    ],
)
def test_unreadable_files_are_refused_by_name(put, name, data, code, says) -> None:
    path = put(name, data)
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert caught.value.code == code
    assert says in caught.value.message
    assert str(path) in caught.value.where
    assert caught.value.fix


def test_the_line_of_the_first_foreign_byte_is_named(put) -> None:
    path = put("a.csv", b"item_id,title\n" + b"1,a\n" * 99 + "2,Größe\n".encode("cp1252"))
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert caught.value.where == f"{path}:101"
    assert "'ö'" in caught.value.message
    assert "UTF-8" in caught.value.fix


def test_a_character_cut_between_two_chunks_is_no_fault(put, monkeypatch) -> None:
    monkeypatch.setattr("muslin.data.read._STEP", 5)
    assert len(read_table(put("a.csv", "a\né\néé\nééé\n".encode())).frame) == 3
    with pytest.raises(DataError, match=r"byte 8 \(0xE9\)"):
        read_table(put("b.csv", "a\néé\nx".encode() + b"\xe9\n"))


def test_a_named_encoding_is_read(put) -> None:
    path = put("a.csv", "item_id,title\n1,Größe\n".encode("cp1252"))
    table = read_table(path, Dialect(encoding="cp1252"))
    assert table.frame["title"].to_list() == ["Größe"]
    utf16 = put("b.csv", "item_id,title\n1,裙子\n".encode("utf-16"))
    assert read_table(utf16, Dialect(encoding="utf-16")).frame["title"].to_list() == ["裙子"]


@pytest.mark.parametrize(("encoding", "code"), [("utf-9", "unknown_encoding"), ("gb18030", "wrong_encoding")])
def test_a_wrong_named_encoding_is_refused(put, encoding, code) -> None:
    with pytest.raises(DataError) as caught:
        read_table(put("a.csv", b"a\n\xff\xff\n"), Dialect(encoding=encoding))
    assert caught.value.code == code


@pytest.mark.parametrize("separator", ["", "::", '"', "\n", "€"])
def test_a_bad_separator_is_refused(put, separator) -> None:
    with pytest.raises(DataError) as caught:
        read_table(put("a.csv", b"a\n1\n"), Dialect(separator=separator))
    assert caught.value.code == "bad_separator"


@pytest.mark.parametrize("cut", [5, 100, 0.5, -1])
def test_cut_parquet_is_refused(put, tmp_path, cut) -> None:
    whole = parquet_bytes(tmp_path, pl.DataFrame({"item_id": ["a"] * 100}))
    data = whole[: int(len(whole) * cut)] if isinstance(cut, float) else whole[:cut]
    with pytest.raises(DataError) as caught:
        read_table(put("items.parquet", data))
    assert caught.value.code == "bad_parquet"


def test_missing_file_names_what_is_near(put) -> None:
    path = put("articles.csv", b"a\n1\n")
    with pytest.raises(DataError) as caught:
        read_table(path.with_name("article.csv"))
    assert (caught.value.code, caught.value.where) == ("missing_file", str(path.parent))
    assert "did you mean 'articles.csv'?" in caught.value.fix
    with pytest.raises(DataError, match="its directory does not exist"):
        read_table(path.parent / "no" / "article.csv")
    with pytest.raises(DataError, match="this is a directory"):
        read_table(path.parent)


@given(data=st.binary(max_size=200), name=st.sampled_from(["a.csv", "a.parquet"]), parquet=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_read_or_refused(put, data, name, parquet) -> None:
    if parquet:
        data = b"PAR1" + data + b"PAR1"
    # Any other error than our own fails the test.
    with suppress(MuslinError):
        assert read_table(put(name, data)).frame.columns[-1] == LINE


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_flipped_bits_in_parquet_never_crash(put, tmp_path, place, bit) -> None:
    frame = pl.DataFrame({"item_id": [f"{n:05d}" for n in range(50)], "price": [float(n) for n in range(50)]})
    data = bytearray(parquet_bytes(tmp_path, frame))
    data[place % len(data)] ^= 1 << bit
    read = []
    with suppress(DataError):
        read.append(read_table(put("a.parquet", bytes(data))))
    assert all(table.frame.columns[-1] == LINE for table in read)


def test_find_table_refuses_to_choose(put, tmp_path) -> None:
    assert find_table(tmp_path, "items") is None
    csv = put("items.csv", b"a\n1\n")
    assert find_table(tmp_path, "items") == csv
    put("items.parquet", b"PAR1")
    with pytest.raises(DataError) as caught:
        find_table(tmp_path, "items")
    assert caught.value.code == "ambiguous_table"


def test_missing_columns_and_missing_header(put) -> None:
    table = read_table(put("items.csv", b"item_idd,colour\n1,red\n"))
    with pytest.raises(DataError) as caught:
        require_columns(table, ("item_id", "colour"))
    assert (caught.value.code, caught.value.where) == ("missing_column", "items.csv")
    assert caught.value.fix == "did you mean 'item_idd'?"
    headless = read_table(put("items.csv", b"1,red\n2,blue\n"))
    with pytest.raises(DataError) as caught:
        require_columns(headless, ("item_id", "colour"))
    assert (caught.value.code, caught.value.where) == ("missing_header", "items.csv:1")
