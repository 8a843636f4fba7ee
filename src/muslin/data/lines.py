"""Files that are lines and no CSV: counted ids, fields without a header. Lines that cannot be read are set aside."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from muslin.data.quarantine import LINE, RAW_LIMIT, entries, from_rows
from muslin.data.read import Table, refuse_other_formats, refuse_wide, require_file
from muslin.errors import DataError

_BOM = b"\xef\xbb\xbf"
_WHOLE = r"^\d{1,18}$"


def read_lines(path: Path, *, encoding: str = "utf-8", name: str | None = None) -> Table:
    """Table of `text`, a row per line; blank lines stay, the break at the end begins none.

    A line that is not in `encoding` is refused (`wrong_encoding`). `name`: what the quarantine calls the file. Raises
    `DataError`: `missing_file`, `empty_file`, `unknown_format` for a packed file, `wrong_encoding` for UTF-16.
    """
    require_file(path)
    raw = path.read_bytes().removeprefix(_BOM)
    if not raw.strip():
        raise DataError("the file is empty", code="empty_file", where=str(path), fix="export it again")
    refuse_other_formats(path, raw[:4096])
    refuse_wide(path, raw[:4096])
    lines = raw.removesuffix(b"\n").split(b"\n")
    texts = [_decoded(line, encoding) for line in lines]
    bad = [
        (at, "wrong_encoding", f"the line is not {encoding}", line[:RAW_LIMIT].decode(errors="replace"))
        for at, (line, text) in enumerate(zip(lines, texts, strict=True), start=1)
        if text is None
    ]
    frame = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)}).with_row_index(LINE, offset=1)
    frame = frame.with_columns(pl.col(LINE).cast(pl.Int64)).filter(pl.col("text").is_not_null())
    return Table(name or path.name, frame, frame, entries(bad, name or path.name))


def split_fields(table: Table, names: Sequence[str], separator: str) -> Table:
    """Table of String columns `names`, from the `text` of lines that have just so many fields.

    Blank lines are skipped, others refused (`ragged_row`).
    """
    told = table.frame.filter(pl.col("text").str.strip_chars() != "")
    parts = pl.col("text").str.split(separator)
    counted = told.with_columns(count=parts.list.len())
    wanted = len(names)
    reason = pl.format("the line has {} fields, {} were expected", "count", pl.lit(wanted))
    bad = counted.filter(pl.col("count") != wanted).select(LINE, code=pl.lit("ragged_row"), reason=reason)
    good = counted.filter(pl.col("count") == wanted)
    frame = good.select(LINE, parts.list.to_struct(fields=list(names)).alias("fields")).unnest("fields")
    return replace(refused(table, bad), frame=frame, origin=frame)


def whole_numbers(table: Table, columns: Sequence[str]) -> Table:
    """The rows whose `columns` are whole numbers from 0 up, as Int64; others are refused (`bad_number`)."""
    frame = table.frame
    for name in columns:
        fits = pl.col(name).str.contains(_WHOLE).fill_null(value=False)
        reason = pl.format("{} '{}' is no whole number", pl.lit(name), pl.col(name).str.head(60).fill_null(""))
        table = refused(table, frame.filter(~fits).select(LINE, code=pl.lit("bad_number"), reason=reason))
        frame = frame.filter(fits)
    return table.with_frame(frame.with_columns(pl.col(list(columns)).cast(pl.Int64)))


def refused(table: Table, bad: pl.DataFrame) -> Table:
    """`table` without the rows of `bad` (`LINE`, `code`, `reason`), which join its quarantine."""
    if bad.is_empty():
        return table
    gone = bad.select(LINE).unique()
    return replace(
        table,
        frame=table.frame.join(gone, on=LINE, how="anti", maintain_order="left"),
        origin=table.origin.join(gone, on=LINE, how="anti", maintain_order="left"),
        bad=pl.concat([table.bad, from_rows(bad, table.origin, table.file)]),
    )


def stacked(tables: Sequence[Table]) -> Table:
    """One table of several files; a refused row is still known by its own file and line."""
    frames, origins, starts, start = [], [], [], 0
    for table in tables:
        starts.append((start, table.file))
        frames.append(table.frame.with_columns(pl.col(LINE) + start))
        origins.append(table.origin.with_columns(pl.col(LINE) + start))
        start += max([0, *_last(table.origin), *_last(table.bad, "line")])
    return Table(
        ", ".join(table.file for table in tables),
        pl.concat(frames, how="diagonal_relaxed"),
        pl.concat(origins, how="diagonal_relaxed"),
        pl.concat([table.bad for table in tables]),
        tuple(starts),
    )


def _last(frame: pl.DataFrame, column: str = LINE) -> Iterator[int]:
    highest = frame[column].max()
    if isinstance(highest, int):
        yield highest


def _decoded(line: bytes, encoding: str) -> str | None:
    try:
        return line.removesuffix(b"\r").decode(encoding)
    except UnicodeDecodeError:
        return None
