"""Vectors of strangers, checked row by row: what cannot be meant is refused with a reason, what looks odd is remarked.

Codes: `wrong_dimension`, `non_finite`, `huge_vector`, `zero_vector`, `constant_vector`. Whoever had such a vector goes
without one and is kept. The same vector for more than a hundredth of all is kept, with the remark `same_vector`: it may
be a placeholder. This is the one check there is: of columns of a table, and of files (`data.vectors`).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from muslin.data.checked import Note
from muslin.data.quarantine import Tally, counts, entries
from muslin.random import stream
from muslin.types import Ints

HUGE = 1e6
"""A number beyond this in a vector is a mistake."""
TINY = 1e-12
"""So is a vector without a number beyond this."""
ALARM = 0.01
"""Share of the vectors from which one and the same for all of them is remarked upon."""

_BLOCK = 4096
_SHOWN = 8
_REASONS = {
    "non_finite": "the vector holds NaN, infinity or nothing in place of a number",
    "huge_vector": f"the vector holds a number beyond {HUGE:,.0f}",
    "zero_vector": "all numbers of the vector are 0",
    "constant_vector": "all numbers of the vector are the same",
}

Numbers: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[Any]
Codes: TypeAlias = NDArray[np.str_]
Prints: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True)
class Owners:
    """Whose vectors these are: `ids` [n] in the column `key`, and where they stand: `lines` [n] of `file`."""

    file: str
    key: str
    ids: pl.Series
    lines: Ints


@dataclass(frozen=True)
class Rows:
    """Unchecked vectors: a matrix or a list column of n rows, and the `lengths` [n] of its rows (-1: no vector)."""

    lengths: Ints
    values: Matrix | pl.Series

    @classmethod
    def of(cls, values: Matrix | pl.Series) -> "Rows":
        """Of a matrix [n, width], or of a column as `columns.as_vector` makes it."""
        if isinstance(values, pl.Series):
            return cls(values.list.len().cast(pl.Int64).fill_null(-1).to_numpy(), values)
        return cls(np.full(len(values), values.shape[1], dtype=np.int64), values)

    def width(self) -> int:
        """The length most vectors have; of several the greatest; 0 when there are none."""
        value, count = np.unique(self.lengths[self.lengths > 0], return_counts=True)
        return int(value[count == count.max()][-1]) if len(value) else 0

    def blocks(self, rows: Ints, width: int) -> Iterator[tuple[Ints, Numbers]]:
        """Some of `rows`, all `width` long, and their vectors [b, width] at a time; what is no number is NaN."""
        for low in range(0, len(rows), _BLOCK):
            part = rows[low : low + _BLOCK]
            with np.errstate(all="ignore"):  # beyond float64 is infinite
                yield part, self._flat(part).astype(np.float64).reshape(len(part), width)

    def _flat(self, rows: Ints) -> Matrix:
        if isinstance(self.values, pl.Series):
            return self.values.gather(rows).explode(empty_as_null=False).to_numpy()
        return np.asarray(self.values[rows])

    def shown(self, row: int) -> str:
        """The first numbers of a row."""
        return ", ".join(str(number) for number in self.values[row][:_SHOWN]) if self.lengths[row] >= 0 else ""


class Judged(NamedTuple):
    """`code` [n] of each row, empty for a sound one and for none; `prints` [n], equal for equal sound vectors."""

    code: Codes
    prints: Prints


class Column(NamedTuple):
    """A column List[Float32] without the vectors in `quarantine`; the tally counts vectors, not rows."""

    values: pl.Series
    quarantine: pl.DataFrame
    tally: Tally
    notes: tuple[Note, ...]


def faults(vectors: Numbers) -> Codes:
    """[n] the first code that fits each of `vectors` [n, width], empty for a sound one. width >= 1."""
    largest = np.abs(vectors).max(axis=1)
    with np.errstate(invalid="ignore"):  # infinity less infinity, which is refused anyway
        spread = vectors.max(axis=1) - vectors.min(axis=1)
    holds = {
        "non_finite": ~np.isfinite(largest),
        "huge_vector": largest > HUGE,
        "zero_vector": largest < TINY,
        "constant_vector": (spread <= 1e-6 * largest) & (vectors.shape[1] > 1),
    }
    return np.select(list(holds.values()), list(holds), default="")


def judged(rows: Rows, width: int) -> Judged:
    """Which of `rows`, that must be `width` long, are sound."""
    code = np.full(len(rows.lengths), "", dtype="<U24")
    prints = np.zeros(len(rows.lengths), dtype=np.uint64)
    code[rows.lengths >= 0] = "wrong_dimension"
    odd = stream(0, "fingerprints").integers(0, 2**63, width, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    for part, block in rows.blocks(np.flatnonzero((rows.lengths == width) & (width > 0)), width):
        code[part] = faults(block)
        block[code[part] != ""] = 0.0  # refused, and some would overflow
        prints[part] = _fingerprints(block, odd)
    return Judged(code, prints)


def checked(column: pl.Series, owners: Owners, table: str, width: int | None = None) -> Column:
    """`column` (as `columns.as_vector` makes it) of `table`, less its bad vectors.

    `width`: what each vector must have; default: what most have. See the module for what is refused and remarked.
    """
    rows = Rows.of(column)
    width = width or rows.width()
    code, prints = judged(rows, width)
    bad = code != ""
    refused = quarantine(rows, owners, code, width, reasons={}, name=f"{column.name}: ")
    sound = (rows.lengths >= 0) & ~bad
    tally = tally_of(table, column.name, owners.file, refused, kept=int(sound.sum()))
    values = column.cast(pl.List(pl.Float32)).set(pl.Series(bad), None)
    notes = _alarm(owners.ids.filter(pl.Series(sound)), prints[sound], table, column.name)
    return Column(values, refused, tally, notes)


def tally_of(table: str, name: str, file: str, refused: pl.DataFrame, kept: int) -> Tally:
    """Count of the vectors called `name` of `table`: no row is lost with them, so a column may lose them all."""
    called = f"vectors.{name}" if table == "items" else f"{table}.vectors.{name}"
    return Tally(called, file, kept + len(refused), kept, counts(refused), needed=False)


def quarantine(
    rows: Rows, owners: Owners, code: Codes, width: int, reasons: Mapping[int, str], name: str = ""
) -> pl.DataFrame:
    """Entries for the rows that have a `code`; `reasons` (by row) come before those of this module."""
    out = []
    for row in np.flatnonzero(code != "").tolist():
        why = reasons.get(row) or _REASONS.get(code[row]) or f"the vector has {rows.lengths[row]} numbers, not {width}"
        raw = json.dumps({owners.key: owners.ids[row], "vector": rows.shown(row)}, ensure_ascii=False)
        out.append((int(owners.lines[row]), str(code[row]), name + why, raw))
    return entries(out, owners.file)


def _fingerprints(block: Numbers, odd: Prints) -> Prints:
    """[b] numbers, equal for equal rows and almost surely (2**-63) for no others: sums of odd multiples of the bits."""
    bits = (block.astype(np.float32) + np.float32(0)).view(np.uint32)  # -0 is 0
    prints: Prints = (bits * odd).sum(axis=1, dtype=np.uint64)
    return prints


def _alarm(ids: pl.Series, prints: Prints, table: str, name: str) -> tuple[Note, ...]:
    _, first, count = np.unique(prints, return_index=True, return_counts=True)
    common = np.flatnonzero((count > ALARM * len(ids)) & (count > 1))
    text = "{}: {:,} {} ({:.1%}), such as {!r}, have one and the same vector: is it a placeholder?"
    return tuple(
        Note(
            "same_vector",
            table,
            int(count[n]),
            text.format(name, count[n], table, count[n] / len(ids), ids[int(first[n])]),
        )
        for n in common[np.argsort(-count[common], kind="stable")]
    )
