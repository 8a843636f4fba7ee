"""The way every importer ends: check, refuse when too much is bad, write whole, report."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import polars as pl

from muslin.data import pictures
from muslin.data.checked import Cleaned, Note
from muslin.data.checks import clean
from muslin.data.quarantine import Tally, counts, empty, enforce
from muslin.data.read import Table
from muslin.data.schema import Schema
from muslin.data.staging import check_destination
from muslin.data.store import DATASET, PictureCount, write_dataset
from muslin.data.vectors import Joined


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
    """A source's tables in Muslin's column names, what they mean, and remarks made on the way.

    `quarantine` and `tallies`: of what was read beside the tables, such as files of vectors.
    """

    items: Table
    users: Table | None
    events: Table
    schema: Schema
    notes: tuple[Note, ...] = ()
    quarantine: pl.DataFrame = field(default_factory=empty)
    tallies: tuple[Tally, ...] = ()

    @classmethod
    def of(cls, joined: Joined, users: Table | None, events: Table) -> "Tables":
        """Tables whose items have the vectors of files."""
        return cls(joined.items, users, events, joined.schema, joined.notes, joined.quarantine, joined.tallies)

    def cleaned(self) -> Cleaned:
        """What passes the checks, with all that was refused, counted and remarked until then."""
        found = clean(self.items, self.users, self.events, self.schema)
        return replace(
            found,
            quarantine=pl.concat([found.quarantine, self.quarantine]),
            warnings=(*self.notes, *found.warnings),
            tallies=(*found.tallies, *self.tallies),
        )


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
    cleaned = tables.cleaned()
    place = order.dst.resolve()
    refused_at = place.with_name(f"{place.name}.quarantine.parquet")
    enforce(cleaned.tallies, cleaned.quarantine, order.max_bad, refused_at)
    batches = images(cleaned.items["item_id"]) if images is not None else None
    count = write_dataset(order.dst, tables.schema, cleaned, images=batches, overwrite=order.overwrite)
    refused_at.unlink(missing_ok=True)  # of an earlier attempt
    return _report(order, cleaned, count, time.monotonic() - started)


def _report(order: Order, cleaned: Cleaned, count: PictureCount, seconds: float) -> ImportReport:
    refused = {tally.table: tally.refused for tally in cleaned.tallies if tally.refused}
    bad_pictures = counts(count.refused)
    text = f"{count.remade:,} files carried something beside the picture and were stored anew from their pixels"
    remade = (Note("remade_picture", "pictures", count.remade, text),) if count.remade else ()
    return ImportReport(
        source=order.source,
        destination=str(order.dst),
        read={tally.table: tally.read for tally in cleaned.tallies},
        kept={tally.table: tally.kept for tally in cleaned.tallies},
        quarantined=refused | ({"pictures": bad_pictures} if bad_pictures else {}),
        warnings=(*cleaned.warnings, *remade),
        seconds=seconds,
    )


def pictures_at(path: Path, *, id_column: str, bytes_column: str) -> Pictures:
    """Pictures of a Parquet file, or of a directory of files named by their ids (`pictures.SUFFIXES`)."""
    if path.is_dir():
        return lambda ids: pictures.from_folder(ids, pictures.by_name(path))
    return lambda ids: pictures.from_parquet(path, ids, id_column=id_column, bytes_column=bytes_column)
