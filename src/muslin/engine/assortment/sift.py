"""A table of rows, checked as an import would check it: the good ones in the catalogue's types, the rest by place."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from muslin.data.check_entities import check_items
from muslin.data.checked import Part
from muslin.data.columns import as_number
from muslin.data.dataset import Dataset
from muslin.data.quarantine import LINE, from_rows
from muslin.data.read import Table
from muslin.data.timestamps import parse_times
from muslin.engine.assortment.outcome import Refusal, Remark, cut
from muslin.engine.assortment.rows import UPDATED
from muslin.errors import DataError, nearest
from muslin.features.categorical import Vocabulary
from muslin.features.space import Space
from muslin.types import Ints

AHEAD = 5 * 60 * 1_000_000
"""Microseconds by which a clock may be ahead of ours."""
NEVER = -(2**62)
MOST_REMARKS = 100
"""Remarks made at once; the codes that were seen are all among them."""


class Sifted(NamedTuple):
    """Good rows, each id once: `frame` in the catalogue's columns and types, with null for what a row does not say.

    `lines` [n]: place of each among the rows sent, from 0; `stamps` [n] when each row was true (µs); `stock` [n], null
    where not given.
    """

    frame: pl.DataFrame
    lines: tuple[int, ...]
    stamps: Ints
    stock: pl.Series
    refused: tuple[Refusal, ...]
    remarks: tuple[Remark, ...]


def sift(table: Table, dataset: Dataset, space: Space, now: int) -> Sifted:
    """The rows of `table`, which were all true at `now` (µs) unless their `updated_at` says otherwise.

    Of several rows of one id the newest counts; differing ones of one time are all refused. Raises `DataError` for
    what is wrong with the table as a whole: `unknown_column`, `missing_column`, `wrong_type`.
    """
    given = frozenset(table.frame.columns) - {LINE}
    _refuse_unknown(given, dataset, table.file)
    whole = table.with_frame(_whole(table.frame, dataset))
    early = _unreadable(whole, dataset, now)
    kept = whole.with_frame(whole.frame.join(early.select(LINE), on=LINE, how="anti", maintain_order="left"))
    part = check_items(kept, dataset.schema, beside=dataset.items)
    refused = [*_unread(table), *_refusals(part.table, pl.concat([early, part.bad])), *_lost(part)]
    frame = part.frame
    stamps = _stamps(frame, now)
    remarks = (*(Remark(n.code, n.text) for n in part.notes), *_strange(frame, space))
    stock = as_number(frame["stock"], "stock") if "stock" in given else pl.Series([None] * len(frame), dtype=pl.Float64)
    lines = tuple(line - 1 for line in frame[LINE].to_list())
    return Sifted(_typed(frame, dataset.items), lines, stamps, stock, tuple(refused), remarks[:MOST_REMARKS])


def part(found: Sifted, start: int, stop: int) -> Sifted:
    """Only the good rows `start` to `stop`; what was refused and remarked is said once, with the first."""
    said = (found.refused, found.remarks) if start == 0 else ((), ())
    return Sifted(
        found.frame[start:stop],
        found.lines[start:stop],
        found.stamps[start:stop],
        found.stock[start:stop],
        *said,
    )


def _refuse_unknown(given: frozenset[str], dataset: Dataset, file: str) -> None:
    known = {*dataset.items.columns, UPDATED, "stock"}
    for name in sorted(given - known):
        fix = nearest(name, known)
        raise DataError(f"the catalogue has no column {name!r}", code="unknown_column", where=file, fix=fix)
    if "item_id" not in given:
        fix = "give each garment an id"
        raise DataError("column 'item_id' is missing", code="missing_column", where=file, fix=fix)


def _whole(frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    absent = [c for c in dataset.items.columns if c not in frame.columns and c not in ("family", "domain")]
    return frame.with_columns(pl.lit(None).cast(dataset.items.schema[c]).alias(c) for c in absent)


def _unreadable(table: Table, dataset: Dataset, now: int) -> pl.DataFrame:
    """Rows whose numbers or times are none: `BAD` columns. A price and a stock have rules of their own."""
    frame, roles = table.frame, dataset.schema.items
    found = []
    for name in (c for c in roles.numeric if c != roles.price):
        wrong = as_number(frame[name], f"{table.file}, column {name!r}").is_nan().fill_null(value=False)
        found.append(_bad(frame, wrong, "not_a_number", f"{name} is not a finite number"))
    if UPDATED in frame.columns:
        when = parse_times(frame[UPDATED], dataset.schema.timezone, where=f"{table.file}, column {UPDATED!r}")
        said = frame[UPDATED].is_not_null()
        if frame[UPDATED].dtype == pl.String:
            said &= frame[UPDATED].str.strip_chars() != ""
        found.append(_bad(frame, said & when.is_null(), "bad_time", f"{UPDATED} is not a time"))
        late = (when.dt.epoch("us") > now + AHEAD).fill_null(value=False)
        found.append(_bad(frame, late, "future_time", f"{UPDATED} lies in the future"))
    found.append(_cycles(frame, roles.category))
    none = pl.DataFrame(schema={LINE: pl.Int64, "code": pl.String, "reason": pl.String})
    return pl.concat([none, *found]).unique(LINE, keep="first", maintain_order=True)


def _bad(frame: pl.DataFrame, rows: pl.Series, code: str, reason: str) -> pl.DataFrame:
    return frame.filter(rows).select(pl.col(LINE), pl.lit(code).alias("code"), pl.lit(reason).alias("reason"))


def _cycles(frame: pl.DataFrame, levels: Sequence[str]) -> pl.DataFrame:
    """Rows whose category comes back to a level that it had left."""
    wrong = pl.lit(value=False)
    for high in range(len(levels)):
        for low in range(high + 2, len(levels)):
            between = pl.any_horizontal(pl.col(levels[n]) != pl.col(levels[high]) for n in range(high + 1, low))
            wrong |= (pl.col(levels[high]) == pl.col(levels[low])) & between
    rows = frame.select((wrong & pl.col(LINE).is_not_null()).fill_null(value=False).alias("wrong"))["wrong"]
    return _bad(frame, rows, "category_cycle", "the category comes back to a level that it had left")


def _refusals(table: Table, bad: pl.DataFrame) -> list[Refusal]:
    listed = from_rows(bad, table.origin, table.file).select("line", "code", "reason", "raw")
    return [Refusal(line - 1, code, reason, raw=cut(raw or "")) for line, code, reason, raw in listed.iter_rows()]


def _unread(table: Table) -> list[Refusal]:
    """Rows that could not even be read."""
    rows = table.bad.select("line", "code", "reason", "raw").iter_rows()
    return [Refusal((line or 1) - 1, code, why, raw=cut(raw or "")) for line, code, why, raw in rows]


def _lost(part: Part) -> list[Refusal]:
    """Vectors that are none; `reason` starts with the column."""
    rows = part.lost.select("line", "code", "reason", "raw").iter_rows()
    return [Refusal(n - 1, code, why, why.partition(":")[0], cut(raw or "")) for n, code, why, raw in rows]


def _stamps(frame: pl.DataFrame, now: int) -> Ints:
    if UPDATED not in frame.columns:
        return np.full(len(frame), now, dtype=np.int64)
    when = frame[UPDATED]
    when = when if isinstance(when.dtype, pl.Datetime) else parse_times(when, "UTC", where=UPDATED)
    return when.dt.epoch("us").fill_null(now).to_numpy().astype(np.int64)


def _strange(frame: pl.DataFrame, space: Space) -> list[Remark]:
    """A remark for each column in which rows hold values that training did not meet; they count as unknown."""
    out = []
    for column in space.items.columns:
        if isinstance(column.encoder, Vocabulary) and column.name in frame.columns:
            values = frame.select(LINE, value=pl.col(column.name))
            values = values.explode("value") if isinstance(values.schema["value"], pl.List) else values
            known = pl.col("value").is_in(list(column.encoder.values))
            lines = values.filter(pl.col("value").is_not_null() & ~known)[LINE].unique(maintain_order=True)
            if len(lines):
                text = f"{len(lines):,} garments hold values of {column.name} that training did not meet"
                out.append(Remark("unknown_value", text, int(lines[0]) - 1, column.name))
    return out


def _typed(frame: pl.DataFrame, catalogue: pl.DataFrame) -> pl.DataFrame:
    """`frame` in the catalogue's columns and types; what no role describes becomes missing where it does not fit."""
    return pl.DataFrame(
        [
            frame[name].cast(dtype, strict=False) if name in frame.columns else pl.Series(name, [None], dtype=dtype)
            for name, dtype in catalogue.schema.items()
        ]
    )


def moment(micros: int) -> datetime:
    """Microseconds since 1970 as a time, UTC."""
    found = pl.Series([micros], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))[0]
    assert isinstance(found, datetime)
    return found
