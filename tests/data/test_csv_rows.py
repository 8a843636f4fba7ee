"""The quick walk over a CSV's bytes, the slow one, and Python's own reader must agree."""

import csv
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from muslin.data import csv_rows
from muslin.data.csv_rows import Grammar, parse, read_header, regular_lines, salvage
from muslin.data.quarantine import LINE
from muslin.errors import DataError

NAME = Path("rows.csv")
CELL = st.text(alphabet='x",\n\r é', max_size=5)


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, dtype=np.uint8)


def read(data: bytes, separator: str = ",") -> tuple[pl.DataFrame, pl.DataFrame]:
    return parse(NAME, array(data), separator, on_disk=False)


def written(rows: list[list[str]], end: str) -> bytes:
    out = io.StringIO()
    # Python leaves a lone carriage return unquoted, which makes it the end of a line.
    quoting = csv.QUOTE_ALL if any("\r" in cell for row in rows for cell in row) else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator=end, quoting=quoting).writerows(rows)
    return out.getvalue().encode()


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_reads_what_python_writes(rows, end) -> None:
    frame, bad = read(b"a,b\n" + written(rows, end))
    assert bad.is_empty()
    assert [[v or "" for v in row] for row in frame.drop(LINE).rows()] == rows
    lines = [2 + written(rows[:n], end).count(b"\n") for n in range(len(rows))]
    assert frame[LINE].to_list() == lines


@pytest.fixture(params=[3, 1 << 25])
def chunk(request, monkeypatch) -> None:
    monkeypatch.setattr(csv_rows, "_CHUNK", request.param)


@pytest.mark.parametrize("names", ["a", "a,b", "a,b,c"])
@pytest.mark.usefixtures("chunk")
def test_quick_and_slow_walk_agree(names) -> None:
    @given(st.text(alphabet='x",\n\r', max_size=24))
    @example('"x\n,x"\n"",""\n')
    @example("x,x\n\n")
    @example('"x""\n"\n')
    def check(body: str) -> None:
        data = f"{names}\n{body}".encode()
        grammar = Grammar.of(",")
        header = read_header(NAME, array(data), grammar)
        quick, slow = regular_lines(array(data), header, ord(",")), salvage(data, header, grammar)
        frame, bad = read(data)
        assert len(frame) == len(slow.lines)
        assert len(bad) == len(slow.bad)
        if quick is not None:
            assert not slow.bad
            assert quick.tolist() == slow.lines.tolist()

    check()


@pytest.mark.parametrize(
    ("body", "kept", "refused"),
    [
        ("1,2\n3\n5,6\n", [2, 4], [(3, "ragged_row")]),
        ("1,2\n3,4,5\n5,6\n", [2, 4], [(3, "ragged_row")]),
        ('1,"2\n3,4\n5,6\n', [3, 4], [(2, "unclosed_quote")]),
        ('1,"2\n3,"4"\n5,6\n', [3, 4], [(2, "unclosed_quote")]),
        ('1,"2"x\n3,4\n', [3], [(2, "stray_quote")]),
        ('1,2\n"3,4', [2], [(3, "unclosed_quote")]),
        ('1,"2\n2"\n3\n4,5\n', [2, 5], [(4, "ragged_row")]),
        ("1,2\n\n3,4\n\n\n", [2, 4], []),
        ("1,2\r\n3,4\r\n", [2, 3], []),
        ("1,2\n3,4", [2, 3], []),
        ('x 5" wide,2\n3,4\n', [2, 3], []),
    ],
)
def test_bad_rows_cost_only_themselves(body, kept, refused) -> None:
    frame, bad = read(f"a,b\n{body}".encode())
    assert frame[LINE].to_list() == kept
    assert list(zip(bad["line"], bad["code"], strict=True)) == refused


def test_the_raw_row_is_kept_and_cut() -> None:
    _, bad = read(b'a,b\n1,"' + b"x" * 50_000 + b"\n1,2\n")
    assert bad["raw"][0].startswith('1,"xxx')
    assert len(bad["raw"][0]) == 32 * 1024


def test_a_quote_inside_an_unquoted_field_is_kept() -> None:
    frame, _ = read(b'a,b\nx 5" wide,2\n3,"4"\n')
    assert frame["a"].to_list() == ['x 5" wide', "3"]


def test_other_separators() -> None:
    frame, bad = read(b'a;b\n"1;1";2,2\n', ";")
    assert bad.is_empty()
    assert frame.select("a", "b").rows() == [("1;1", "2,2")]


def test_header_names_are_read_like_fields() -> None:
    header = read_header(NAME, array(b'\xef\xbb\xbf\n"a\nb", c \n1,2\n'), Grammar.of(","))
    assert header.names == ("a\nb", "c")
    assert header.line == 4


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\n \n", "empty_file"),
        (b"\xef\xbb\xbf", "empty_file"),
        (b"a,,c\n1,2,3\n", "bad_header"),
        (b'a,"b\n1,2\n', "bad_header"),
        (b"a,b,a\n1,2,3\n", "duplicate_header"),
        (b"a" * (1 << 21), "bad_header"),
    ],
)
def test_bad_headers_are_refused(data, code) -> None:
    with pytest.raises(DataError) as caught:
        read(data)
    assert caught.value.code == code
