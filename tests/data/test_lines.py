import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.lines import read_lines, split_fields, stacked, whole_numbers
from muslin.data.quarantine import LINE
from muslin.errors import DataError


def written(tmp_path, content: bytes, name: str = "a.dat"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_lines_keep_their_numbers_and_blank_ones_stay(tmp_path) -> None:
    table = read_lines(written(tmp_path, b"\xef\xbb\xbfone\r\n\ntwo two\n"))
    assert table.frame.rows() == [(1, "one"), (2, ""), (3, "two two")]
    assert table.rows == 3


def test_a_line_in_another_encoding_is_set_aside(tmp_path) -> None:
    table = read_lines(written(tmp_path, "café\nthé".encode("latin-1") + b"\nplain"))
    assert table.frame["text"].to_list() == ["plain"]
    assert table.bad.select("line", "code").rows() == [(1, "wrong_encoding"), (2, "wrong_encoding")]
    assert read_lines(written(tmp_path, "café".encode("latin-1")), encoding="latin-1").frame["text"][0] == "café"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"\n \n", "empty_file"),
        (b"\x1f\x8b\x08x", "unknown_format"),
        (b"\xff\xfea", "wrong_encoding"),
    ],
)
def test_what_is_no_text_is_refused_whole(tmp_path, content, code) -> None:
    with pytest.raises(DataError) as caught:
        read_lines(written(tmp_path, content))
    assert caught.value.code == code


def test_fields_and_numbers_that_do_not_fit_are_set_aside(tmp_path) -> None:
    read = read_lines(written(tmp_path, b"1\t2\n1\n\n3\t4\t5\nx\t6\n7\t-8\n9\t10\n"))
    table = whole_numbers(split_fields(read, ("user", "item"), "\t"), ("user", "item"))
    assert table.frame.rows() == [(1, 1, 2), (7, 9, 10)]
    assert table.bad.sort("line").select("line", "code").rows() == [
        (2, "ragged_row"),
        (4, "ragged_row"),
        (5, "bad_number"),
        (6, "bad_number"),
    ]
    assert '"x"' in table.bad.sort("line")["raw"][2]
    assert table.rows == 6


@given(st.binary(max_size=200), st.sampled_from(["\t", "::", ","]))
def test_every_line_is_read_or_set_aside(tmp_path_factory, content, separator) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.dat"
    path.write_bytes(content)
    try:
        read = read_lines(path)
    except DataError:
        return
    lines = content.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")
    assert sorted([*read.frame[LINE], *read.bad["line"]]) == list(range(1, len(lines) + 1))
    blank = sum(not text.strip() for text in read.frame["text"])
    table = whole_numbers(split_fields(read, ("a", "b"), separator), ("a", "b"))
    assert table.rows == len(lines) - blank
    for line, a, b in table.frame.rows():
        left, right = lines[line - 1].removesuffix(b"\r").decode().split(separator)
        assert (int(left), int(right)) == (a, b)


def test_stacked_files_keep_their_places(tmp_path) -> None:
    first = read_lines(written(tmp_path, b"a\n\xff\n", "one.dat"))
    second = read_lines(written(tmp_path, b"b\nc\n", "two.dat"))
    table = stacked([first, second])
    assert table.file == "one.dat, two.dat"
    assert table.frame.rows() == [(1, "a"), (3, "b"), (4, "c")]
    assert table.starts == ((0, "one.dat"), (2, "two.dat"))
    assert table.bad.select("file", "line").rows() == [("one.dat", 2)]
    assert table.rows == 4
    assert isinstance(table.origin, pl.DataFrame)
