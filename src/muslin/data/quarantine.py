"""Rows that were refused: where they stood, why, and what they held; and how many of them are too many."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from muslin.errors import DataError

LINE = "__line__"
"""Working column of a table being checked: the line (CSV) or row number (Parquet) each row came from, from 1."""

SCHEMA: dict[str, pl.DataType] = {
    "file": pl.String(),
    "line": pl.Int64(),
    "code": pl.String(),
    "reason": pl.String(),
    "raw": pl.String(),
}
"""`line` is the physical line a CSV row begins on, the row number (from 1) in Parquet, null for a file of its own."""

RAW_LIMIT = 32 * 1024
"""Bytes of a refused row that are kept."""


@dataclass(frozen=True)
class Tally:
    """What became of the rows of one table (`items`, `users` or `events`), or of the vectors of one column or file.

    `refused` counts by code. Of a table that is not `needed` everything may be refused, if `max_bad` allows it.
    """

    table: str
    file: str
    read: int
    kept: int
    refused: dict[str, int]
    needed: bool = True

    @property
    def bad(self) -> int:
        """Rows refused."""
        return sum(self.refused.values())

    @property
    def judged(self) -> int:
        """Rows kept or refused: those read, less the ones merged into others."""
        return self.kept + self.bad


def empty() -> pl.DataFrame:
    """A quarantine without rows."""
    return pl.DataFrame(schema=SCHEMA)


def entries(rows: Sequence[tuple[int | None, str, str, str]], file: str) -> pl.DataFrame:
    """Quarantine of `(line, code, reason, raw)` rows of `file`; `raw` is cut at `RAW_LIMIT` bytes."""
    frame = pl.DataFrame(list(rows), schema={k: v for k, v in SCHEMA.items() if k != "file"}, orient="row")
    return frame.select(pl.lit(file).alias("file"), "line", "code", "reason", _cut(pl.col("raw")).alias("raw"))


def from_rows(bad: pl.DataFrame, origin: pl.DataFrame, file: str) -> pl.DataFrame:
    """Quarantine of the rows of `origin` that `bad` (`LINE`, `code`, `reason`) names, in file order, raw as JSON."""
    if bad.is_empty():
        return empty()
    shown = [name for name in readable(origin) if name != LINE]
    raw = pl.struct(shown).struct.json_encode() if shown else pl.lit("{}")
    rows = origin.join(bad.select(LINE), on=LINE, how="semi").select(LINE, _cut(raw).alias("raw"))
    return (
        bad.join(rows, on=LINE, how="left")
        .sort(LINE)
        .select(pl.lit(file).alias("file"), pl.col(LINE).alias("line"), "code", "reason", "raw")
        .cast(dict(SCHEMA))  # type: ignore[arg-type]
    )


def placed(quarantine: pl.DataFrame, starts: Sequence[tuple[int, str]]) -> pl.DataFrame:
    """`quarantine` of a table that is several files in a row, by the file and line of each: see `read.Table.starts`."""
    if not starts or quarantine.is_empty():
        return quarantine
    which = np.searchsorted([start for start, _ in starts], quarantine["line"].to_numpy()) - 1
    start = pl.Series([first for first, _ in starts], dtype=pl.Int64).gather(which)
    name = pl.Series([file for _, file in starts], dtype=pl.String).gather(which)
    return quarantine.with_columns(name.alias("file"), pl.col("line") - start)


def readable(frame: pl.DataFrame) -> list[str]:
    """Columns that can be written as JSON: those without blobs, such as pictures, at any depth."""
    return [name for name, dtype in frame.schema.items() if "Binary" not in str(dtype)]


def counts(quarantine: pl.DataFrame) -> dict[str, int]:
    """Rows by code, the most frequent first, ties by name."""
    found = quarantine.group_by("code").len().sort(["len", "code"], descending=[True, False])
    return dict(found.iter_rows())


def write(quarantine: pl.DataFrame, path: Path) -> None:
    """Write `quarantine` to `path` so that no reader ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        quarantine.write_parquet(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def over_limit(tally: Tally, max_bad: float) -> bool:
    """Whether more than the share `max_bad` of a table's rows were refused, or all of a table that is needed."""
    return tally.bad > 0 and (tally.bad / tally.judged > max_bad or (tally.needed and tally.kept == 0))


def enforce(tallies: Sequence[Tally], quarantine: pl.DataFrame, max_bad: float, kept_at: Path) -> None:
    """Raise `DataError` for the first table with too many refused rows, after writing all of them to `kept_at`.

    Codes: `no_good_rows` when nothing of a table is left, `too_many_bad_rows` when the share exceeds `max_bad`.
    """
    over = next((tally for tally in tallies if over_limit(tally, max_bad)), None)
    if over is None:
        return
    try:
        kept_at.parent.mkdir(parents=True, exist_ok=True)
        write(quarantine, kept_at)
        place = f"all refused rows are in {kept_at}"
    except OSError as error:
        place = f"the refused rows could not be written to {kept_at} ({error.strerror})"
    gone = over.needed and not over.kept
    by_code = ", ".join(f"{code} {count:,}" for code, count in over.refused.items())
    raise DataError(
        f"{over.bad:,} of {over.judged:,} rows are bad ({over.bad / over.judged:.1%}; {max_bad:.1%} allowed): {by_code}"
        + "".join(f"\n  {line}" for line in _examples(quarantine, over))
        + f"\n  {place}",
        code="no_good_rows" if gone else "too_many_bad_rows",
        where=f"{over.file} ({over.table})",
        fix="correct the rows" if gone else "correct the rows, or allow more of them with --max-bad",
    )


def _examples(quarantine: pl.DataFrame, over: Tally, most: int = 3) -> list[str]:
    """Up to `most` refused rows, of different codes first."""
    of_table = pl.lit(over.file).str.contains(pl.col("file"), literal=True)  # it may be several files
    mine = quarantine.filter(pl.col("code").is_in(list(over.refused)) & of_table)
    picked = mine.with_columns(nth=pl.int_range(pl.len()).over("code")).sort("nth", maintain_order=True).head(most)
    return [f"{row['file']}:{row['line']}: {row['reason']} [{row['code']}]" for row in picked.iter_rows(named=True)]


def _cut(raw: pl.Expr) -> pl.Expr:
    # A character takes at most four bytes.
    return pl.when(raw.str.len_bytes() <= RAW_LIMIT).then(raw).otherwise(raw.str.head(RAW_LIMIT // 4))
