import gzip
import json

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data import json_lines
from muslin.data.json_lines import read_json_lines
from muslin.data.quarantine import LINE
from muslin.errors import DataError


class Shape(msgspec.Struct):
    name: str
    size: float | None = None


def columns(rows) -> pl.DataFrame:
    name = pl.Series([r.name for r in rows], dtype=pl.String)
    return pl.DataFrame({"name": name, "size": pl.Series([r.size for r in rows], dtype=pl.Float64)})


def read(path):
    return read_json_lines(path, Shape, columns)


GOOD = b'{"name": "a", "size": 1, "more": [1, 2]}\n\n{"name": "b"}\n'


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_good_lines_become_rows_and_keep_their_lines(tmp_path, pack) -> None:
    (tmp_path / "a.jsonl").write_bytes(pack(GOOD))
    table = read(tmp_path / "a.jsonl")
    assert table.frame.select(LINE, "name", "size").rows() == [(1, "a", 1.0), (3, "b", None)]
    assert table.rows == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "bad_json"),
        (b'{"name": NaN}', "bad_json"),
        (b'{"name": "\xff"}', "bad_json"),
        (b'{"more": ' + b"[" * 100_000, "bad_json"),
        (b'["a"]', "wrong_field"),
        (b'{"size": 1}', "wrong_field"),
        (b'{"name": 1}', "wrong_field"),
        (b'{"name": "a", "size": "1"}', "wrong_field"),
        (b'{"name": "a", "size": true}', "wrong_field"),
    ],
)
def test_a_bad_line_costs_itself_only(tmp_path, line, code) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD + line + b"\n" + GOOD)
    table = read(tmp_path / "a.jsonl")
    assert table.frame["name"].to_list() == ["a", "b", "a", "b"]
    assert table.bad.select("file", "line", "code").rows() == [("a.jsonl", 4, code)]


def test_a_number_beyond_all_numbers_is_refused_or_infinite(tmp_path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD + b'{"name": "c", "size": 1e999}\n')
    table = read(tmp_path / "a.jsonl")
    assert len(table.bad) == 1 or not pl.Series(table.frame["size"]).is_finite().all()


def test_a_line_without_end_is_not_kept_in_memory(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(json_lines, "_LONGEST", 64)
    (tmp_path / "a.jsonl").write_bytes(GOOD + b'{"name": "' + b"x" * 1000 + b'"}\n' + GOOD)
    table = read(tmp_path / "a.jsonl")
    assert table.bad.select("line", "code").rows() == [(4, "long_line")]
    assert table.frame[LINE].to_list() == [1, 3, 5, 7]


def test_large_files_are_read_in_parts(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(json_lines, "_CHUNK", 3)
    (tmp_path / "a.jsonl").write_text("".join(f'{{"name": "{n}"}}\n' for n in range(10)))
    assert read(tmp_path / "a.jsonl").frame["name"].to_list() == [str(n) for n in range(10)]


@pytest.mark.parametrize(("content", "code"), [(b"", "empty_file"), (b"\n \n", "empty_file")])
def test_an_empty_file_is_said_to_be_one(tmp_path, content, code) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.jsonl")
    assert caught.value.code == code


@given(st.integers(2, 200), st.booleans())
def test_a_damaged_archive_is_refused_whole(tmp_path_factory, at, cut) -> None:
    packed = bytearray(gzip.compress(b"".join(b'{"name": "%d"}\n' % n for n in range(200))))
    at %= len(packed)
    if cut:
        del packed[max(at, 2) :]
    else:
        packed[-5] ^= 1
    path = tmp_path_factory.mktemp("gz") / "a.jsonl.gz"
    path.write_bytes(packed)
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.code == "bad_gzip"


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_set_aside(tmp_path_factory, content) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.jsonl"
    path.write_bytes(GOOD + content)
    try:
        table = read(path)
    except DataError:
        pytest.fail("the first lines are good")
    lines = (GOOD + content).split(b"\n")
    told = [n for n, line in enumerate(lines, 1) if line.strip(b" \t\r\n")]
    assert sorted([*table.frame[LINE], *table.bad["line"]]) == told
    for line, name in table.frame.select(LINE, "name").rows():
        assert json.loads(lines[line - 1])["name"] == name
