"""One table out of a zip archive from strangers: nothing is written but that table, and no more of it than allowed."""

import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from muslin.errors import DataError

ENTRIES = 1000
"""Entries an archive may have."""
_TABLES = {".csv", ".tsv", ".parquet"}
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
"""What reading a damaged archive raises."""


def unpack(archive: Path, folder: Path, limit: int) -> Path:
    """The only table of `archive`, written to `folder` as `table.SUFFIX`; at most `limit` bytes of it.

    Raises `DataError`: `bad_zip`, `too_many_entries`, `bad_entry` (a path that leads out, a link, something encrypted),
    `not_one_table`, `too_large`; and `OSError` where the table cannot be written.
    """
    with ExitStack() as stack:
        with _reading(archive.name):
            opened = stack.enter_context(zipfile.ZipFile(archive))
            entry = _table(opened, archive.name)
            source = stack.enter_context(opened.open(entry))
        target = folder / f"table{PurePosixPath(entry.filename).suffix.lower()}"
        with target.open("wb") as written:
            _copy(source, written, limit, archive.name)
    return target


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """What fails in here is the archive's fault."""
    try:
        yield
    except _DAMAGE as error:
        message = f"the archive cannot be read ({type(error).__name__})"
        raise DataError(message, code="bad_zip", where=name, fix="pack it again") from None


def _table(opened: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    entries = opened.infolist()
    if len(entries) > ENTRIES:
        message = f"the archive has {len(entries):,} entries"
        raise DataError(message, code="too_many_entries", where=name, fix="pack the table alone")
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        link = stat.S_ISLNK(entry.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or link or ":" in entry.filename or entry.flag_bits & 1:
            message = "an entry of the archive is a link, is encrypted, or leads out of it"
            raise DataError(message, code="bad_entry", where=name, fix="pack the table alone")
    tables = [e for e in entries if not e.is_dir() and PurePosixPath(e.filename).suffix.lower() in _TABLES]
    if len(tables) != 1:
        message = f"the archive has {len(tables)} tables"
        raise DataError(message, code="not_one_table", where=name, fix="pack one .csv, .tsv or .parquet file")
    return tables[0]


def _copy(source: IO[bytes], written: IO[bytes], limit: int, name: str) -> None:
    left = limit
    while True:
        with _reading(name):
            chunk = source.read(min(1 << 20, left + 1))
        if not chunk:
            return
        left -= len(chunk)
        if left < 0:
            raise DataError("the table is too large", code="too_large", where=name, fix="split it")
        written.write(chunk)
