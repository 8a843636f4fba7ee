"""Files into tables of rows that still know their line: CSV and Parquet, encodings, and what cannot be read at all."""

import codecs
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from muslin.data import csv_rows
from muslin.data.quarantine import LINE, empty
from muslin.errors import DataError, nearest

_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_STEP = 1 << 24
_BOMS = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
_PACKED = {b"\x1f\x8b": "is compressed with gzip", b"PK\x03\x04": "is a zip archive or an Excel workbook"}


@dataclass(frozen=True)
class Dialect:
    """How CSV files are written; Parquet needs no telling."""

    encoding: str = "utf-8"
    separator: str = ","


@dataclass(frozen=True)
class Table:
    """Rows to be checked.

    `frame`: the rows with a column `LINE`, changed at will on the way to the checks. `origin`: the rows as they were
    read, for the quarantine. `bad`: quarantine of rows that could not even be read. `starts`: of a table that is
    several files in a row, the lines before each file and its name.
    """

    file: str
    frame: pl.DataFrame
    origin: pl.DataFrame
    bad: pl.DataFrame = field(default_factory=empty)
    starts: tuple[tuple[int, str], ...] = ()

    @property
    def rows(self) -> int:
        """Rows in the file, readable or not."""
        return len(self.origin) + len(self.bad)

    def with_frame(self, frame: pl.DataFrame) -> "Table":
        """The same rows, some perhaps left out, in other columns."""
        return replace(self, frame=frame)


def table_of(frame: pl.DataFrame, file: str) -> Table:
    """Table of a frame already in memory; its rows are numbered from 1."""
    numbered = frame.with_columns(pl.int_range(1, len(frame) + 1, dtype=pl.Int64, eager=True).alias(LINE))
    return Table(file, numbered, numbered)


def read_table(path: Path, dialect: Dialect | None = None) -> Table:
    """Table of a CSV (all columns String) or Parquet file (columns as stored).

    Raises `DataError`: `missing_file`, `unknown_format`, `empty_file`, `wrong_encoding`, `unknown_encoding`,
    `bad_header`, `duplicate_header`, `bad_parquet`, `unreadable_csv`.
    """
    _require_content(path)
    if path.suffix.lower() in _PARQUET:
        return table_of(_read_parquet(path), path.name)
    if path.suffix.lower() not in _CSV:
        raise DataError(
            f"cannot tell the format of a {path.suffix or 'nameless'} file",
            code="unknown_format",
            where=str(path),
            fix=f"give a file ending in {', '.join(_CSV + _PARQUET)}",
        )
    return _read_csv(path, dialect or Dialect(separator="\t" if path.suffix.lower() == ".tsv" else ","))


def read_delimited(path: Path, dialect: Dialect) -> Table:
    """Table of a CSV file under any name, all columns String; raises `DataError` as `read_table` does."""
    _require_content(path)
    return _read_csv(path, dialect)


def find_table(folder: Path, stem: str) -> Path | None:
    """`stem`.parquet or `stem`.csv in `folder`; None when there is neither, `DataError` when there are both."""
    found = [folder / f"{stem}{suffix}" for suffix in (".parquet", ".csv") if (folder / f"{stem}{suffix}").is_file()]
    if len(found) > 1:
        raise DataError(
            f"there is a {found[0].name} and a {found[1].name}: which holds?",
            code="ambiguous_table",
            where=str(folder),
            fix="remove one of them",
        )
    return found[0] if found else None


def require_file(path: Path) -> None:
    """Raise `DataError` (`missing_file`) naming like files nearby unless `path` is a file."""
    if path.is_file():
        return
    folder = path.parent
    if path.is_dir():
        message, fix = "this is a directory, a file was expected", "name the file in it"
    elif folder.is_dir():
        near = [p.name for p in itertools.islice(folder.iterdir(), 1000) if not p.name.startswith(".")]
        message, fix = f"there is no file {path.name!r} here", nearest(path.name, near)
    else:
        message, fix = f"there is no file {path.name!r}: its directory does not exist", "check the path"
    raise DataError(message, code="missing_file", where=str(path if path.is_dir() else folder), fix=fix)


def require_columns(table: Table, wanted: tuple[str, ...]) -> None:
    """Raise `DataError` unless `table` has the `wanted` columns.

    `missing_header` when it has none of them, else `missing_column` naming the first and what it may have been called.
    """
    have = [name for name in table.frame.columns if name != LINE]
    missing = [name for name in wanted if name not in have]
    if not missing:
        return
    if len(missing) == len(wanted) and table.file.lower().endswith(_CSV):
        shown = ", ".join(repr(name[:30]) for name in have[:5])
        raise DataError(
            f"the first line names no column that is needed ({', '.join(wanted)}): it reads {shown}",
            code="missing_header",
            where=f"{table.file}:1",
            fix="put the column names in the first line, separated by commas",
        )
    name = missing[0]
    raise DataError(f"column {name!r} is missing", code="missing_column", where=table.file, fix=nearest(name, have))


def _require_content(path: Path) -> None:
    require_file(path)
    if path.stat().st_size == 0:
        raise DataError("the file is empty", code="empty_file", where=str(path), fix="export it again")


def _read_parquet(path: Path) -> pl.DataFrame:
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(0, path.stat().st_size - 4))
        tail = file.read(4)
    fix = "export or copy it again"
    if head != b"PAR1":
        raise DataError("this is not a Parquet file", code="bad_parquet", where=str(path), fix=fix)
    if tail != b"PAR1":
        message = "the Parquet file is cut short: its end is missing"
        raise DataError(message, code="bad_parquet", where=str(path), fix=fix)
    try:
        return pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, MemoryError) as error:
        reason = str(error).split("\n", 1)[0][:200]
        message = f"the Parquet file is damaged ({reason})"
        raise DataError(message, code="bad_parquet", where=str(path), fix=fix) from None


def _read_csv(path: Path, dialect: Dialect) -> Table:
    data: csv_rows.Bytes = np.memmap(path, dtype=np.uint8, mode="r")
    head = data[:4096].tobytes()
    refuse_other_formats(path, head)
    if len(dialect.separator.encode()) != 1 or dialect.separator in '"\r\n':
        message = f"{dialect.separator!r} cannot separate fields"
        raise DataError(message, code="bad_separator", where=str(path), fix="use one of , ; | or a tab")
    foreign = _codec(dialect.encoding, path) != "utf-8"
    if foreign:
        data = np.frombuffer(_transcoded(path, dialect.encoding), dtype=np.uint8)
    else:
        refuse_wide(path, head)
        _check_utf8(path, data)
    frame, bad = csv_rows.parse(path, data, dialect.separator, on_disk=not foreign)
    return Table(path.name, frame, frame, bad)


def _codec(encoding: str, path: Path) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        known = ("utf-8", "utf-16", "latin-1", "cp1252", "gb18030", "shift_jis", "big5")
        message = f"no text encoding is called {encoding!r}"
        raise DataError(message, code="unknown_encoding", where=str(path), fix=nearest(encoding, known)) from None
    return "utf-8" if name in ("utf-8", "utf-8-sig", "ascii") else name


def _transcoded(path: Path, encoding: str) -> bytes:
    raw = path.read_bytes()
    try:
        return raw.decode(encoding).encode()
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        message = f"the file is not {encoding}: it stops making sense at byte {at}"
        raise DataError(message, code="wrong_encoding", where=_place(path, raw[:at]), fix=_ENCODING_FIX) from None


_ENCODING_FIX = (
    'save the file as UTF-8, or name its encoding (encoding = "latin-1" in the map of `muslin import table`)'
)


def refuse_other_formats(path: Path, head: bytes) -> None:
    """Raise `DataError` (`unknown_format`) for a text file that begins like Parquet or something packed."""
    what = next((text for magic, text in _PACKED.items() if head.startswith(magic)), "")
    if head.startswith(b"PAR1"):
        what = "is a Parquet file"
    if what:
        message, fix = f"the file {what}, not CSV", "rename, unpack or export it"
        raise DataError(message, code="unknown_format", where=str(path), fix=fix)


def refuse_wide(path: Path, head: bytes) -> None:
    """Raise `DataError` (`wrong_encoding`) for UTF-16 and UTF-32, with a byte-order mark or many zero bytes."""
    mark = next((name for bom, name in _BOMS.items() if head.startswith(bom)), "")
    if not mark and head.count(0) * 5 > len(head):
        mark = "UTF-16"
    if mark:
        message, where = f"the file is {mark}, not UTF-8", f"{path}:1"
        raise DataError(message, code="wrong_encoding", where=where, fix=_ENCODING_FIX)


def _check_utf8(path: Path, data: csv_rows.Bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for low in range(0, len(data), _STEP):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(data[low : low + _STEP].tobytes(), final=low + _STEP >= len(data))
        except UnicodeDecodeError as error:
            at = low - pending + error.start
            byte = int(data[at])
            message = f"byte {at} (0x{byte:02X}) is not UTF-8{_guess(byte)}"
            where = _place(path, data[:at].tobytes())
            raise DataError(message, code="wrong_encoding", where=where, fix=_ENCODING_FIX) from None


def _guess(byte: int) -> str:
    return f"; in Latin-1 it would be {bytes([byte]).decode('latin-1')!r}" if byte >= 0xA0 else ""


def _place(path: Path, before: bytes) -> str:
    return f"{path}:{before.count(10) + 1}"
