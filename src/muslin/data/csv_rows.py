"""CSV as rows of text with true line numbers; rows without the header's shape are set aside, the rest is kept.

A file in order is recognised from its bytes alone (numpy over all quotes, separators and line breaks) and handed to
polars whole. Only a file with something wrong in it is walked record by record, to keep its good rows.

Format: RFC 4180, and blank lines, which are skipped. An unquoted field may hold quotes if it does not begin with one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from muslin.data.quarantine import LINE, RAW_LIMIT, entries
from muslin.errors import DataError

# As in `muslin.types`, which would bring torch along: an import should start at once.
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_CHUNK = 1 << 25
_RECORD_LIMIT = 1 << 22
_HEADER_LIMIT = 1 << 20
_QUOTE, _BREAK, _RETURN = 34, 10, 13


class Header(NamedTuple):
    """Column names, the byte after them, and the physical line that byte is on."""

    names: tuple[str, ...]
    end: int
    line: int


class Salvage(NamedTuple):
    """Good records as CSV text, the line each begins on, and the refused rows (line, code, reason, raw)."""

    text: bytes
    lines: Ints
    bad: list[tuple[int | None, str, str, str]]


@dataclass(frozen=True)
class Grammar:
    """What a record looks like under one separator."""

    separator: bytes
    record: re.Pattern[bytes]
    field: re.Pattern[bytes]

    @classmethod
    def of(cls, separator: str) -> "Grammar":
        """Grammar of a one-byte `separator`."""
        sep = re.escape(separator.encode())
        quoted = rb'"[^"]*+(?:""[^"]*+)*+"'
        plain = rb"(?:[^\"" + sep + rb"\n][^" + sep + rb"\n]*+)?+"
        field = rb"(?:" + quoted + rb"|" + plain + rb")"
        record = re.compile(field + rb"(?:" + sep + field + rb")*+\r?(?:\n|\Z)")
        return cls(separator.encode(), record, re.compile(rb"(" + field + rb")(?:" + sep + rb"|\r?(?:\n|\Z))"))

    def fields(self, record: bytes) -> list[bytes]:
        """Fields of one record, as written, its line break left out."""
        body = record.removesuffix(b"\n").removesuffix(b"\r")
        if b'"' not in body:
            return body.split(self.separator)
        found, at = [], 0
        while True:
            match = self.field.match(body, at)
            if match is None:
                raise ValueError("not a record")
            found.append(match[1])
            at = match.end()
            if not match[0].endswith(self.separator) or match.end() == match.end(1):
                return found


def parse(path: Path, data: Bytes, separator: str, *, on_disk: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Table of Strings with `LINE`, and the refused rows of UTF-8 `data`, the content of `path`.

    `on_disk`: `data` is exactly what the file holds, so that polars may read it itself. Raises `DataError`
    (`empty_file`, `bad_header`, `duplicate_header`).
    """
    grammar = Grammar.of(separator)
    header = read_header(path, data, grammar)
    lines = regular_lines(data, header, ord(separator))
    if lines is not None:
        source: Any = path if on_disk else BytesIO(data.tobytes())
        return _frame(path, source, header, separator, lines, skip=header.line - 1), entries([], path.name)
    saved = salvage(data.tobytes(), header, grammar)
    frame = _frame(path, BytesIO(saved.text), header, separator, saved.lines, skip=0)
    return frame, entries(saved.bad, path.name)


def read_header(path: Path, data: Bytes, grammar: Grammar) -> Header:
    """Names in the first line that is not blank; each must be there, and once."""
    head = data[:_HEADER_LIMIT].tobytes()
    at = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    line = 1
    while (match := grammar.record.match(head, at)) and match.end() > at and not match[0].strip():
        at, line = match.end(), line + 1
    if not head[at:].strip():
        raise DataError("the file is empty", code="empty_file", where=str(path), fix="export it again, with its header")
    if match is None or (match.end() == len(head) < len(data)):
        raise DataError(
            "the header is not closed: a quoted column name does not end, or the line exceeds 1 MB",
            code="bad_header",
            where=f"{path}:{line}",
            fix="the first line must name the columns",
        )
    names = tuple(_plain(f).decode().strip() for f in grammar.fields(match[0]))
    _check_names(names, f"{path}:{line}")
    return Header(names, match.end(), line + match[0].count(b"\n"))


def regular_lines(data: Bytes, header: Header, separator: int) -> Ints | None:
    """Line on which each record begins, or None when any record is not as the header and RFC 4180 want it."""
    if len(header.names) == 1 and _has_blank(data, header.end):
        return None
    scan = _Scan(data, len(header.names), separator)
    starts = [np.array([header.line])]
    line = header.line
    for low in range(header.end, len(data), _CHUNK):
        breaks = scan.chunk(low)
        if breaks is None:
            return None
        ends, total = breaks
        starts.append(line + ends + 1)
        line += total
    lines = np.concatenate(starts)
    if scan.inside or header.end >= len(data):
        return None if scan.inside else lines[:0]
    if data[-1] == _BREAK:
        return lines[:-1]
    return lines if scan.separators == len(header.names) - 1 else None


class _Scan:
    """Walks the bytes in chunks, carrying what a chunk's end leaves open: a quoted field, a record's separators."""

    def __init__(self, data: Bytes, columns: int, separator: int) -> None:
        self.data, self.columns, self.separator = data, columns, separator
        self.inside = False
        self.separators = 0

    def chunk(self, low: int) -> tuple[Ints, int] | None:
        """(which line breaks of the chunk end a record, how many it has); None when something is irregular."""
        part = self.data[low : low + _CHUNK]
        quotes = np.flatnonzero(part == _QUOTE)
        if not _quotes_fit(self.data, low + quotes, self.inside, self.separator):
            return None
        breaks = np.flatnonzero(part == _BREAK)
        ends = np.flatnonzero(self._outside(breaks, quotes))
        separators = np.flatnonzero(part == self.separator)
        separators = separators[self._outside(separators, quotes)]
        before = np.searchsorted(separators, breaks[ends])
        per_record = np.diff(before, prepend=-self.separators)
        if np.any(per_record != self.columns - 1):
            return None
        self.separators = len(separators) - int(before[-1]) if len(before) else self.separators + len(separators)
        self.inside = bool((len(quotes) + self.inside) % 2)
        return ends, len(breaks)

    def _outside(self, places: Ints, quotes: Ints) -> Bools:
        return np.asarray((np.searchsorted(quotes, places) + self.inside) % 2 == 0)


def salvage(data: bytes, header: Header, grammar: Grammar) -> Salvage:
    """Good records of a file with bad ones among them.

    A record that does not close, or whose quoting is broken, costs its first line only: reading goes on at the next,
    so one stray quote never swallows the rest of the file.
    """
    pieces, lines = [], []
    bad: list[tuple[int | None, str, str, str]] = []
    for line, raw, fields in _records(data, header, grammar):
        if fields is not None and len(fields) == len(header.names):
            pieces.append(_canonical(raw, fields, grammar.separator))
            lines.append(line)
        elif raw.strip():
            code, reason = _fault(raw, fields, len(header.names))
            bad.append((line, code, reason, raw[:RAW_LIMIT].rstrip(b"\r\n").decode(errors="replace")))
    return Salvage(b"".join(pieces), np.array(lines, dtype=np.int64), bad)


def _records(data: bytes, header: Header, grammar: Grammar) -> Iterator[tuple[int, bytes, list[bytes] | None]]:
    """(line, text, fields) of each record; fields None where it is one physical line that could not be read."""
    at, line = header.end, header.line
    while at < len(data):
        limit = min(len(data), at + _RECORD_LIMIT)
        match = grammar.record.match(data, at, limit)
        fields = None
        if match and (match.end() < limit or limit == len(data)):
            raw, fields = match[0], grammar.fields(match[0])
        if fields is None or (raw.count(b"\n") > 1 and len(fields) != len(header.names)):
            stop = data.find(b"\n", at)
            raw, fields = data[at : stop + 1 if stop >= 0 else len(data)], None
        if raw.strip() or (len(header.names) == 1 and raw.strip(b"\r\n")):
            yield line, raw, fields
        at += len(raw)
        line += raw.count(b"\n")


def _fault(raw: bytes, fields: list[bytes] | None, columns: int) -> tuple[str, str]:
    if fields is not None:
        return "ragged_row", f"the row has {len(fields)} fields, the header has {columns}"
    if raw.count(b'"') % 2:
        return "unclosed_quote", "a quoted field does not end where a field may end"
    return "stray_quote", "text stands beside a quoted field; quotes inside a field must be doubled"


def _canonical(raw: bytes, fields: list[bytes], separator: bytes) -> bytes:
    """The record as polars reads it too: quotes inside unquoted fields are made regular."""
    if b'"' in raw and any(b'"' in f and not f.startswith(b'"') for f in fields):
        raw = separator.join(b'"' + _plain(f).replace(b'"', b'""') + b'"' for f in fields)
    return raw if raw.endswith(b"\n") else raw + b"\n"


def _plain(field: bytes) -> bytes:
    return field[1:-1].replace(b'""', b'"') if field.startswith(b'"') else field


def _frame(path: Path, source: Any, header: Header, separator: str, lines: Ints, *, skip: int) -> pl.DataFrame:
    frame = pl.read_csv(
        source,
        has_header=False,
        skip_lines=skip,
        schema=dict.fromkeys(header.names, pl.String),
        separator=separator,
        glob=False,
    )
    if len(frame) != len(lines):
        raise DataError(
            f"the rows cannot be told apart ({len(frame)} or {len(lines)})",
            code="unreadable_csv",
            where=str(path),
            fix="write the file again with a CSV library, or as Parquet",
        )
    return frame.with_columns(pl.Series(LINE, lines, dtype=pl.Int64))


def _quotes_fit(data: Bytes, quotes: Ints, inside: bool, separator: int) -> bool:
    """Whether each quote opens at the start of a field, closes at the end of one, or is half of a doubled quote."""
    order = np.arange(len(quotes)) + inside
    opening, closing = quotes[order % 2 == 0], quotes[order % 2 == 1]
    before = data[np.maximum(opening - 1, 0)]
    after = data[np.minimum(closing + 1, len(data) - 1)]
    second = data[np.minimum(closing + 2, len(data) - 1)]
    last = closing + 1 >= len(data)
    opens = (before == separator) | (before == _BREAK) | (before == _QUOTE)
    crlf = (after == _RETURN) & ((second == _BREAK) | (closing + 2 >= len(data)))
    closes = last | (after == separator) | (after == _BREAK) | (after == _QUOTE) | crlf
    return bool(opens.all() and closes.all())


def _has_blank(data: Bytes, start: int) -> bool:
    """Whether a line is empty: in a table of one column it could be taken for an empty value."""
    body = data[start:].tobytes()
    return re.search(rb"(?:\A|\n)(?:\r*\n|\r+\Z)", body) is not None


def _check_names(names: tuple[str, ...], where: str) -> None:
    fix = "the first line must name every column once"
    for place, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"column {place} of the header has no name", code="bad_header", where=where, fix=fix)
        if names.index(name) != place - 1:
            raise DataError(f"column {name!r} appears twice", code="duplicate_header", where=where, fix=fix)
