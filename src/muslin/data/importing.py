"""The way every importer ends: check, refuse when too much is bad, write whole, report."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from muslin.data import pictures
from muslin.data.checked import Cleaned, Note
from muslin.data.checks import clean
from muslin.data.quarantine import counts, enforce
from muslin.data.read import Table
from muslin.data.schema import Schema
from muslin.data.staging import check_destination
from muslin.data.store import DATASET, write_dataset


@dataclass(frozen=True)
class ImportReport:
    """What an import did: rows by table (`read`, `kept`), refused rows by table and code, and remarks."""

    source: str
    destination: str
    read: dict[str, int]
    kept: dict[str, int]
    quarantined: dict[str, dict[str, int]]
    warnings: tuple[Note, ...]
    seconds: float

    def lines(self) -> list[str]:
        """The report as text, a line each: tables, refused rows by code, remarks, place and time."""
        rows = [f"{name}: {count:,} rows read, {self.kept[name]:,} kept" for name, count in self.read.items()]
        for name, codes in self.quarantined.items():
            rows += [f"{name}: {count:,} refused, {code}" for code, count in codes.items()]
        rows += [f"{note.table}: {note.text}" for note in self.warnings]
        bad = any(self.quarantined.values())
        rows += [f"refused rows: {Path(self.destination) / 'quarantine.parquet'}"] if bad else []
        return [*rows, f"written: {self.destination} ({self.seconds:.1f} s)"]


class Importer(Protocol):
    """What `muslin import SOURCE` calls."""

    def __call__(
        self, src: Path, dst: Path, *, mapping: Path | None = None, max_bad: float = 0.01, overwrite: bool = False
    ) -> ImportReport:
        """Import `src` into the dataset directory `dst`.

        `mapping`: a column map, for sources that take one. `max_bad`: share of a table's rows that may be refused.
        Raises `DataError` and `UsageError`; nothing is written to `dst` then.
        """
        ...


@dataclass(frozen=True)
class Tables:
    """A source's tables in Muslin's column names, what they mean, and remarks made on the way."""

    items: Table
    users: Table | None
    events: Table
    schema: Schema
    notes: tuple[Note, ...] = ()


Pictures = Callable[[pl.Series], Iterator[pl.DataFrame]]
"""From the ids of the items kept to batches of their pictures (`pictures.SCHEMA`)."""


@dataclass(frozen=True)
class Order:
    """Where a dataset goes and how much may be bad."""

    source: str
    dst: Path
    max_bad: float = 0.01
    overwrite: bool = False


def run(order: Order, read: Callable[[], Tables], images: Pictures | None = None) -> ImportReport:
    """Read, check and write a dataset.

    When too many rows are bad the quarantine is left beside the destination, and nothing at it.
    """
    started = time.monotonic()
    check_destination(order.dst, DATASET, overwrite=order.overwrite)
    tables = read()
    cleaned = clean(tables.items, tables.users, tables.events, tables.schema)
    place = order.dst.resolve()
    refused_at = place.with_name(f"{place.name}.quarantine.parquet")
    enforce(cleaned.tallies, cleaned.quarantine, order.max_bad, refused_at)
    batches = images(cleaned.items["item_id"]) if images is not None else None
    written = write_dataset(order.dst, tables.schema, cleaned, images=batches, overwrite=order.overwrite)
    refused_at.unlink(missing_ok=True)  # of an earlier attempt
    return _report(order, cleaned, written, tables.notes, time.monotonic() - started)


def _report(
    order: Order, cleaned: Cleaned, written: pl.DataFrame, notes: tuple[Note, ...], seconds: float
) -> ImportReport:
    refused = {tally.table: tally.refused for tally in cleaned.tallies if tally.refused}
    bad_pictures = counts(written.filter(pl.col("code") == "bad_picture"))
    return ImportReport(
        source=order.source,
        destination=str(order.dst),
        read={tally.table: tally.read for tally in cleaned.tallies},
        kept={tally.table: tally.kept for tally in cleaned.tallies},
        quarantined=refused | ({"pictures": bad_pictures} if bad_pictures else {}),
        warnings=(*notes, *cleaned.warnings),
        seconds=seconds,
    )


def pictures_at(path: Path, *, id_column: str, bytes_column: str) -> Pictures:
    """Pictures of a Parquet file, or of a directory of `ID.jpg|jpeg|png` files."""
    if path.is_dir():
        return lambda ids: pictures.from_folder(
            ids, lambda name: [path / f"{name}{s}" for s in (".jpg", ".png", ".jpeg")]
        )
    return lambda ids: pictures.from_parquet(path, ids, id_column=id_column, bytes_column=bytes_column)
