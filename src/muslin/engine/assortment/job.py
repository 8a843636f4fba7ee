"""The import of one file: checked as a whole, taken in parts, and the same result however often it is begun again.

Every row of a file counts as true when the file came, unless it has an `updated_at`; so a second run after a crash
finds what the first one did unchanged, and goes on.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from muslin.data.read import read_table
from muslin.engine.assortment.outcome import Refusal
from muslin.engine.assortment.sift import Sifted, part, sift
from muslin.engine.assortment.unpack import unpack
from muslin.engine.shop import Shop
from muslin.errors import DataError

LARGEST = 2_000_000_000
"""Bytes of a file, as sent and as unpacked."""
PART = 2000
"""Rows taken at once: answers and other changes come in between."""
LEAVING = 0.2
"""Share of the catalogue that a full file may take out without being asked again."""

Mode = Literal["upsert", "full"]
Status = Literal["received", "running", "held", "done", "failed"]
FINAL = frozenset({"done", "failed"})
"""After these nothing more happens, and the file is not kept."""
Change = Callable[[Callable[[Shop], int]], int]
"""Does work on the shop that is served, alone."""


class Failure(msgspec.Struct, frozen=True):
    """Why nothing of a file was taken, or, for `internal_error`, no more than was counted."""

    code: str
    detail: str
    where: str


class Job(msgspec.Struct, kw_only=True):
    """An import. Rows are `read`; of these `accepted`, `older` and `unchanged`; `rejected` may be parts of rows."""

    job_id: str
    status: Status
    mode: Mode
    created_at: int
    """µs since 1970."""
    read: int = 0
    accepted: int = 0
    older: int = 0
    unchanged: int = 0
    rejected: int = 0
    leaving: int = 0
    """Garments that a full file does not have, and that leave."""
    confirmed: bool = False
    error: Failure | None = None


class Reject(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row, or a field of it, that was not taken: its line (CSV) or row number (Parquet), from 1."""

    line: int
    code: str
    detail: str
    field: str | None = None
    raw: str = ""


class Place(NamedTuple):
    """Where a job and its file are."""

    folder: Path

    @property
    def job(self) -> Path:
        """The job as it stands."""
        return self.folder / "job.json"

    @property
    def rejects(self) -> Path:
        """One JSON line for each rejected row."""
        return self.folder / "rejects.jsonl"

    def read(self) -> Job:
        """The job as it stands."""
        return msgspec.json.decode(self.job.read_bytes(), type=Job)

    def write(self, job: Job) -> None:
        """Keep the job as it stands."""
        draft = self.folder / f".job.{os.getpid()}"
        draft.write_bytes(msgspec.json.encode(job))
        draft.replace(self.job)

    def file(self) -> Path:
        """The file as it was sent."""
        return next(p for p in self.folder.iterdir() if p.stem == "sent")

    def clear(self, *kinds: str) -> None:
        """Remove the file as it was `sent` or the `table` unpacked of it: up to two gigabytes each."""
        for path in list(self.folder.iterdir()):
            if path.stem in kinds:
                path.unlink(missing_ok=True)


def run(place: Place, shop: Callable[[], Shop], change: Change) -> Job:
    """Do a job that is received, or was interrupted, or is confirmed; it ends done, failed or held.

    Whatever else is raised leaves it running, with what was taken counted.
    """
    job = place.read()
    job.status, job.error = "running", None
    job.accepted = job.older = job.unchanged = 0
    place.write(job)
    try:
        found = _checked(place, job, shop())
        if job.mode == "full" and not job.confirmed and job.leaving > LEAVING * max(_there(shop()), 1):
            job.status = "held"
        else:
            _taken(job, found, shop, change)
            job.status = "done"
    except DataError as error:
        job.status = "failed"
        job.error = Failure(error.code, error.message, error.where.rpartition("/")[2])
    finally:
        place.write(job)
    place.clear("table", *(("sent",) if job.status in FINAL else ()))
    return job


def _checked(place: Place, job: Job, shop: Shop) -> Sifted:
    """The rows of the file. Raises `DataError` for a file of which nothing can be taken."""
    sent = place.file()
    table = read_table(unpack(sent, place.folder, LARGEST) if sent.suffix == ".zip" else sent)
    world = shop.state.model.world
    found = sift(table, world.dataset, world.space, job.created_at)
    job.read, job.rejected = table.rows, len(found.refused)
    _write_rejects(place, found.refused)
    if not len(found.frame):
        raise DataError("no row of the file can be taken", code="no_good_rows", where=sent.name, fix="see the rejects")
    job.leaving = len(_leaving(shop, found)) if job.mode == "full" else 0
    return found


def _taken(job: Job, found: Sifted, shop: Callable[[], Shop], change: Change) -> None:
    for start in range(0, len(found.frame), PART):
        change(lambda shop, start=start: _take(job, shop, part(found, start, start + PART)))  # type: ignore[misc]
    leaving = _leaving(shop(), found) if job.mode == "full" else []
    for start in range(0, len(leaving), PART):
        change(lambda shop, start=start: _hidden(job, shop, leaving[start : start + PART]))  # type: ignore[misc]


def _take(job: Job, shop: Shop, rows: Sifted) -> int:
    outcome = shop.take(rows, job.created_at).outcome
    job.accepted += outcome.accepted
    job.older += outcome.older
    job.unchanged += outcome.unchanged
    return outcome.accepted


def _hidden(job: Job, shop: Shop, leaving: list[str]) -> int:
    there = shop.state.model.world.item_rows(leaving) >= 0  # the shop may be another by now
    gone = [item for item, known in zip(leaving, there.tolist(), strict=True) if known]
    return shop.hide_all(gone, job.created_at).outcome.accepted


def _leaving(shop: Shop, found: Sifted) -> list[str]:
    """Garments that are there and that the file does not have."""
    state, kept = shop.state, set(found.frame["item_id"].to_list())
    return [name for name in state.model.world.catalogue.ids[~state.hidden].tolist() if name not in kept]


def _there(shop: Shop) -> int:
    return int((~shop.state.hidden).sum())


def _write_rejects(place: Place, refused: tuple[Refusal, ...]) -> None:
    rows = sorted(refused, key=lambda r: r.index)
    lines = [msgspec.json.encode(Reject(r.index + 1, r.code, r.detail, r.field, r.raw)) for r in rows]
    place.rejects.write_bytes(b"".join(line + b"\n" for line in lines))
