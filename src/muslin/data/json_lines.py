"""JSON Lines, plain or gzipped: every line must be the object its reader expects, or it is set aside.

Lines are decoded one by one, since that is the only way to know which of them is wrong and why; what is kept of them
becomes columns a hundred thousand lines at a time, so a file need not fit into memory.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import TypeVar

import msgspec
import polars as pl

from muslin.data.quarantine import LINE, RAW_LIMIT, entries
from muslin.data.read import Table, require_file
from muslin.errors import DataError

_CHUNK = 100_000
_LONGEST = 1 << 24
_GZIP = b"\x1f\x8b"
_BLANK = b" \t\r\n"

Shape = TypeVar("Shape", bound=msgspec.Struct)
Bad = tuple[int | None, str, str, str]


def read_json_lines(path: Path, shape: type[Shape], columns: Callable[[Sequence[Shape]], pl.DataFrame]) -> Table:
    """Table of what `columns` makes of the objects in `path`; lines that are none of `shape` are refused.

    Codes: `bad_json`, `wrong_field` (a field is missing or of another type), `long_line` (over 16 MB). Blank lines are
    skipped. Raises `DataError` (`missing_file`, `empty_file`, `bad_gzip` for a damaged or truncated archive).
    """
    require_file(path)
    decoder = msgspec.json.Decoder(shape)
    frames: list[pl.DataFrame] = []
    bad: list[Bad] = []
    rows: list[Shape] = []
    lines: list[int] = []
    last = 0
    for last, text in _lines(path):
        try:
            rows.append(decoder.decode(text))
            lines.append(last)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            bad.append(_refused(last, text, error))
        if len(rows) == _CHUNK:
            frames.append(_frame(rows, lines, columns))
            rows, lines = [], []
    if not last:
        raise DataError("the file is empty", code="empty_file", where=str(path), fix="download it again")
    frame = pl.concat([*frames, _frame(rows, lines, columns)])
    return Table(path.name, frame, frame, entries(bad, path.name))


def _frame(rows: list[Shape], lines: list[int], columns: Callable[[Sequence[Shape]], pl.DataFrame]) -> pl.DataFrame:
    return columns(rows).with_columns(pl.Series(LINE, lines, dtype=pl.Int64))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number, text) of the lines that are not blank; the text of one that is too long ends at the limit."""
    number = 0
    try:
        with _opened(path) as file:
            while text := file.readline(_LONGEST):
                number += 1
                if len(text) == _LONGEST and not text.endswith(b"\n"):
                    _skip(file)
                if text.strip(_BLANK):
                    yield number, text
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"the archive is damaged or cut short after line {number:,} ({error})"
        raise DataError(message, code="bad_gzip", where=str(path), fix="download it again") from None


def _opened(path: Path) -> BufferedIOBase:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")


def _skip(file: BufferedIOBase) -> None:
    while (rest := file.readline(_LONGEST)) and not rest.endswith(b"\n"):
        pass


def _refused(line: int, text: bytes, error: Exception) -> Bad:
    raw = text[:RAW_LIMIT].rstrip(b"\r\n").decode(errors="replace")
    if len(text) == _LONGEST and not text.endswith(b"\n"):
        return line, "long_line", "the line has more than 16 MB", raw
    if isinstance(error, msgspec.ValidationError):
        return line, "wrong_field", str(error), raw
    return line, "bad_json", f"this is not JSON: {error}"[:200], raw
