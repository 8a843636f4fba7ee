"""What checking a table yields: its good rows, its refused rows, and remarks about what was mended."""

from dataclasses import dataclass, field, replace

import polars as pl

from muslin.data.quarantine import LINE, Tally, empty, readable
from muslin.data.read import Table

AUX = "__raw__"
"""Prefix of working columns that keep a value as it was written."""


@dataclass(frozen=True)
class Note:
    """A remark that refuses nothing: `count` rows or values of `table` were mended, merged or look odd."""

    code: str
    table: str
    count: int
    text: str


@dataclass(frozen=True)
class Part:
    """A table on its way through the checks: `frame` still has `LINE`; `bad` has the columns of `contract.BAD`.

    `lost`: quarantine of values, such as vectors, that became missing while their rows stay; `tallies` counts those.
    """

    table: Table
    frame: pl.DataFrame
    bad: pl.DataFrame
    notes: tuple[Note, ...] = ()
    lost: pl.DataFrame = field(default_factory=empty)
    tallies: tuple[Tally, ...] = ()

    def where(self, column: str) -> str:
        """Place of `column` for an error."""
        return f"{self.table.file}, column {column!r}"

    def without(self, bad: pl.DataFrame, *notes: Note) -> "Part":
        """The same with the rows of `bad` refused."""
        frame = (
            self.frame.join(bad.select(LINE), on=LINE, how="anti", maintain_order="left") if len(bad) else self.frame
        )
        bad = pl.concat([self.bad, bad])
        return replace(self, frame=frame, bad=bad, notes=(*self.notes, *(n for n in notes if n.count)))

    def changed(self, frame: pl.DataFrame, *notes: Note) -> "Part":
        """The same with other columns, or with rows left out that are not refused."""
        return replace(self, frame=frame, notes=(*self.notes, *(n for n in notes if n.count)))


def content(frame: pl.DataFrame) -> pl.Expr:
    """What a row says, as text that is equal for equal rows; working columns and blobs do not count."""
    names = [name for name in readable(frame) if name != LINE and not name.startswith(AUX)]
    return pl.struct(names).struct.json_encode().alias("content")


@dataclass(frozen=True)
class Cleaned:
    """Tables fit for a `Dataset`, what was refused, what was mended, and the count of rows of each table read."""

    items: pl.DataFrame
    users: pl.DataFrame
    events: pl.DataFrame
    quarantine: pl.DataFrame = field(default_factory=empty)
    warnings: tuple[Note, ...] = ()
    tallies: tuple[Tally, ...] = ()
