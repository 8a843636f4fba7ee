"""What became of rows that were sent: kept, older than what is there, refused with a code, or kept with a remark."""

from dataclasses import dataclass

RAW_LIMIT = 32 * 1024
"""Bytes of a refused row that are kept."""


@dataclass(frozen=True)
class Refusal:
    """One row, or one `field` of it, that was not taken; without the field the row is."""

    index: int
    """Place of the row, from 0."""
    code: str
    detail: str
    field: str | None = None
    raw: str = ""


@dataclass(frozen=True)
class Remark:
    """Something odd about a row that was taken, or, with no index, about them all."""

    code: str
    detail: str
    index: int | None = None
    field: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Rows by fate; together they are all rows sent, but for rows that repeat another."""

    accepted: int = 0
    older: int = 0
    """Rows that came too late: a newer one is there."""
    unchanged: int = 0
    """Rows that say, at the same time, what is there already."""
    refused: tuple[Refusal, ...] = ()
    remarks: tuple[Remark, ...] = ()


def cut(raw: str) -> str:
    """`raw` in at most `RAW_LIMIT` bytes."""
    return raw.encode("utf-8", "replace")[:RAW_LIMIT].decode("utf-8", "ignore")
