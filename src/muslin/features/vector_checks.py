"""Vectors of strangers, checked row by row: what cannot be meant is refused with a reason, what looks odd is remarked.

Codes: `wrong_dimension`, `non_finite`, `huge_vector`, `zero_vector`, `constant_vector`, `duplicate_id` and those of ids
(`data.check_entities.id_rules`). The same vector on more than a hundredth of the items is loaded, with a remark: it may
be a placeholder.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from muslin.data.check_entities import id_rules
from muslin.data.checked import Note
from muslin.data.contract import failures
from muslin.data.quarantine import LINE, Tally, counts, entries
from muslin.random import stream
from muslin.types import Bools, Floats, Ints

HUGE = 1e6
"""A number beyond this in a vector is a mistake."""
TINY = 1e-12
"""So is a vector without a number beyond this."""
ALARM = 0.01
"""Share of the items from which one vector for all of them is remarked upon."""

_BLOCK = 4096
_SHOWN = 8
_REASONS = {
    "non_finite": "the vector holds NaN, infinity or nothing in place of a number",
    "huge_vector": f"the vector holds a number beyond {HUGE:,.0f}",
    "zero_vector": "all numbers of the vector are 0",
    "constant_vector": "all numbers of the vector are the same",
    "duplicate_id": "the id has several vectors that differ",
}

Numbers: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[Any]
Codes: TypeAlias = NDArray[np.str_]


@dataclass(frozen=True)
class ShopVectors:
    """Sound vectors `matrix` [n, width] of the items `ids` [n], each once; what was refused, and remarks."""

    ids: pl.Series
    matrix: Floats
    quarantine: pl.DataFrame
    notes: tuple[Note, ...]
    tally: Tally

    def of(self, ids: Sequence[str]) -> tuple[Floats, Bools]:
        """Vectors [m, width] of `ids`, zero where there is none, and where there is one [m]."""
        place = {name: row for row, name in enumerate(self.ids)}
        rows = np.array([place.get(name, -1) for name in ids], dtype=np.intp)
        out = np.zeros((len(rows), self.matrix.shape[1]), dtype=np.float32)
        out[rows >= 0] = self.matrix[rows[rows >= 0]]
        return out, rows >= 0


@dataclass(frozen=True)
class Rows:
    """Unchecked vectors of `file`: `lengths` [n] numbers in each row (-1: no vector) of a matrix or a list column."""

    file: str
    lengths: Ints
    values: Matrix | pl.Series

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
        return ", ".join(str(number) for number in self.values[row][:_SHOWN])


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


def usual_width(lengths: Ints) -> int:
    """The length most vectors have; of several the greatest; 0 when there are none."""
    value, count = np.unique(lengths[lengths > 0], return_counts=True)
    return int(value[count == count.max()][-1]) if len(value) else 0


def checked(names: pl.Series, rows: Rows, width: int) -> ShopVectors:
    """The sound ones of `rows`, which belong to the items `names` [n] and must be `width` long."""
    code = np.full(len(names), "", dtype="<U24")
    right = np.flatnonzero((rows.lengths == width) & (width > 0))
    code[rows.lengths >= 0] = "wrong_dimension"
    matrix, low = np.zeros((len(right), width), dtype=np.float32), 0
    for part, block in rows.blocks(right, width):
        code[part] = faults(block)
        block[code[part] != ""] = 0.0  # refused, and some would overflow
        matrix[low : low + len(part)] = block
        low += len(part)
    reasons = _refuse_ids(names, code)
    prints = _fingerprints(matrix)
    notes = _refuse_clashes(names, right, prints, code)
    keep = code[right] == ""
    refused = _quarantine(names, rows, width, code, reasons)
    ids = names.gather(right[keep])
    tally = Tally("vectors", rows.file, len(names), len(ids), counts(refused))
    notes = (*notes, *_alarm(ids, prints[keep]))
    return ShopVectors(ids, matrix if keep.all() else matrix[keep], refused, notes, tally)


def _refuse_ids(names: pl.Series, code: Codes) -> dict[int, str]:
    """Set the `code` of rows whose id cannot be one; their reasons by row."""
    frame = pl.DataFrame({LINE: np.arange(len(names)), "item_id": names})
    bad = failures(frame, id_rules("item_id"))
    code[bad[LINE].to_numpy()] = bad["code"].to_numpy()
    return dict(zip(bad[LINE], bad["reason"], strict=True))


def _refuse_clashes(names: pl.Series, right: Ints, prints: NDArray[np.uint64], code: Codes) -> tuple[Note, ...]:
    """Of equal rows of one id keep the first; set the `code` of those that differ."""
    sound = code[right] == ""
    table = pl.DataFrame({"id": names.gather(right[sound]), "row": right[sound], "print": prints[sound]})
    table = table.filter(pl.col("id").is_duplicated())
    differ = pl.col("print").n_unique().over("id") > 1
    again = table.filter(~differ & ~pl.col("id").is_first_distinct())["row"].to_numpy()
    code[table.filter(differ)["row"].to_numpy()] = "duplicate_id"
    code[again] = _REPEATED
    text = f"{len(again):,} rows repeat another exactly and count once"
    return (Note("repeated_row", "vectors", len(again), text),) if len(again) else ()


_REPEATED = "repeated"


def _quarantine(names: pl.Series, rows: Rows, width: int, code: Codes, reasons: dict[int, str]) -> pl.DataFrame:
    out = []
    for row in np.flatnonzero((code != "") & (code != _REPEATED)).tolist():
        why = reasons.get(row) or _REASONS.get(code[row]) or f"the vector has {rows.lengths[row]} numbers, not {width}"
        shown = rows.shown(row) if rows.lengths[row] >= 0 else ""
        raw = json.dumps({"item_id": names[row], "vector": shown}, ensure_ascii=False)
        out.append((row + 1, str(code[row]), why, raw))
    return entries(out, rows.file)


def _fingerprints(matrix: Floats) -> NDArray[np.uint64]:
    """[n] numbers, equal for equal rows and almost surely (2**-63) for no others: sums of odd multiples of the bits."""
    odd = stream(0, "fingerprints").integers(0, 2**63, matrix.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    out = np.empty(len(matrix), dtype=np.uint64)
    for low in range(0, len(matrix), _BLOCK):
        bits = (matrix[low : low + _BLOCK] + np.float32(0)).view(np.uint32)  # -0 is 0
        out[low : low + _BLOCK] = (bits * odd).sum(axis=1, dtype=np.uint64)
    return out


def _alarm(ids: pl.Series, prints: NDArray[np.uint64]) -> tuple[Note, ...]:
    _, first, count = np.unique(prints, return_index=True, return_counts=True)
    common = np.flatnonzero((count > ALARM * len(ids)) & (count > 1))
    text = "{:,} items ({:.1%}), such as {!r}, have one and the same vector: is it a placeholder?"
    return tuple(
        Note("same_vector", "items", int(count[n]), text.format(count[n], count[n] / len(ids), ids[int(first[n])]))
        for n in common[np.argsort(-count[common], kind="stable")]
    )
