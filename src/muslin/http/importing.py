"""The imports of a service: one at a time, each in a folder of its own, and begun again after a restart."""

import errno
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from uuid import uuid4

import msgspec

from muslin.engine.assortment.job import FINAL, LARGEST, Failure, Job, Mode, Place, Reject, Status, run
from muslin.engine.online.online import clock
from muslin.engine.shop import Shop
from muslin.http.cursors import Cursors
from muslin.http.log import report
from muslin.http.problems import ProblemError
from muslin.http.service import Service

FOLDER = "imports"
KEPT = 100
"""Jobs that are kept; the oldest of those that are finished, or that nobody confirmed, go first."""
PAUSE = 5.0
"""Seconds before an import that found no room, on the disk or in a queue, is begun again."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_LATER = frozenset({"overloaded", "storage_full"})
_BROKEN = Failure("internal_error", "The import failed; its job id finds the cause in the log.", "")

_NAME = 32
"""Characters of the name of a job."""


class _From(msgspec.Struct, frozen=True):
    """A place in the rejects of a job."""

    job_id: str
    start: int


class Upload:
    """A file that is being received."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder = folder
        self._file = (folder / f"sent{suffix}").open("wb")
        self._bytes, self._digest = 0, hashlib.sha256()

    def grow(self, content: bytes) -> None:
        """Write what came; raises `ProblemError` (`file_too_large`)."""
        self._bytes += len(content)
        if self._bytes > LARGEST:
            raise ProblemError("file_too_large", headers={"Connection": "close"})
        self._digest.update(content)
        self._file.write(content)

    def finish(self, expected: str | None) -> None:
        """Raise `ProblemError` for an empty file (`empty_body`), or another than was meant (`wrong_checksum`)."""
        self._file.close()
        if not self._bytes:
            raise ProblemError("empty_body")
        if expected is not None and expected != self._digest.hexdigest():
            raise ProblemError("wrong_checksum", "/query/sha256")

    def drop(self) -> None:
        """Forget what came."""
        with suppress(OSError):
            self._file.close()  # writes what is left, for which there may be no room
        shutil.rmtree(self.folder, ignore_errors=True)


class Imports:
    """May be used from any thread."""

    def __init__(self, service: Service, state: Path | None) -> None:
        self._service = service
        self._kept = state is not None
        self._root = None if state is None else state / FOLDER
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="muslin-import")
        self._cursors = Cursors("rejects")
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._resumed = False

    def resume(self) -> None:
        """Begin again what was interrupted; for the time when the model is there."""
        for place in self._places():
            if not place.job.exists():
                shutil.rmtree(place.folder, ignore_errors=True)  # an upload that did not end
                continue
            status = place.read().status
            if status in FINAL:
                place.clear("sent", "table")
            elif status != "held":
                self._worker.submit(self._run, place)
        self._resumed = True

    def receive(self, suffix: str) -> Upload:
        """A new upload."""
        if not self._service.ready or not self._resumed:
            raise ProblemError("not_ready", headers={"Retry-After": "1"})
        with self._lock:
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="muslin-imports-"))
        folder = self._root / uuid4().hex
        folder.mkdir(parents=True)
        return Upload(folder, suffix)

    def begin(self, upload: Upload, mode: Mode) -> Job:
        """A job for a file that is here."""
        job = Job(job_id=upload.folder.name, status="received", mode=mode, created_at=clock())
        place = Place(upload.folder)
        with self._lock:
            place.write(job)
        self._worker.submit(self._run, place)
        self._make_room()
        return job

    def find(self, job_id: str) -> Job:
        """The job as it stands; raises `ProblemError` (`unknown_job`)."""
        return self._place(job_id).read()

    def confirm(self, job_id: str) -> Job:
        """Go on with a job that is held; raises `ProblemError`: `unknown_job`, `not_held`."""
        place = self._place(job_id)
        with self._lock:
            job = place.read()
            if job.status != "held":
                raise ProblemError("not_held")
            job.status, job.confirmed = "received", True
            place.write(job)
        self._worker.submit(self._run, place)
        return job

    def rejects(self, job_id: str, cursor: str | None, n: int) -> tuple[list[Reject], str | None]:
        """Up to `n` rejects and the cursor of the next; raises `ProblemError`: `unknown_job`, `bad_cursor`."""
        place = self._place(job_id)
        start = 0
        if cursor is not None:
            at = self._cursors.read(cursor, _From, "/query/cursor")
            if at.job_id != job_id:
                raise ProblemError("bad_cursor", "/query/cursor")
            start = at.start
        if not place.rejects.exists():
            return [], None
        with place.rejects.open("rb") as lines:
            found = [msgspec.json.decode(line, type=Reject) for line in islice(lines, start, start + n + 1)]
        more = len(found) > n
        return found[:n], self._cursors.make(_From(job_id, start + n)) if more else None

    def close(self) -> None:
        """Stop after the part in hand; what is left is begun again with the next start."""
        self._stopping.set()
        self._worker.shutdown(cancel_futures=True)
        if self._root is not None and not self._kept:
            shutil.rmtree(self._root, ignore_errors=True)

    def _run(self, place: Place) -> None:
        while not self._ended(place):
            if self._stopping.wait(PAUSE):
                return

    def _ended(self, place: Place) -> bool:
        """Do a job; False where there was no room, and it should be begun again."""
        try:
            run(place, self._shop, self._change)
        except _StoppedError:
            return True
        except Exception as error:
            report("import_failed", error, {"job_id": place.folder.name})
            if isinstance(error, ProblemError) and error.code == "not_ready":
                return True  # the state is closing; the next start goes on
            later = _no_room(error)
            with suppress(OSError):
                self._set(place, *(("received", None) if later else ("failed", _BROKEN)))
            return not later
        return True

    def _set(self, place: Place, status: Status, error: Failure | None) -> None:
        job = place.read()
        job.status, job.error = status, error
        place.write(job)
        if status in FINAL:
            place.clear("sent", "table")

    def _shop(self) -> Shop:
        served = self._service.served
        if served is None:
            raise _StoppedError
        return served.shop

    def _change(self, work: Callable[[Shop], int]) -> int:
        if self._stopping.is_set():
            raise _StoppedError
        return self._service.changed(work)

    def _place(self, job_id: str) -> Place:
        known = self._root is not None and job_id.isalnum() and job_id.isascii() and len(job_id) == _NAME
        place = Place((self._root or Path()) / job_id)
        if not known or not place.job.exists():
            raise ProblemError("unknown_job")
        return place

    def _places(self) -> list[Place]:
        there = self._root is not None and self._root.exists()
        return [Place(folder) for folder in sorted(self._root.iterdir())] if self._root is not None and there else []

    def _make_room(self) -> None:
        with self._lock:
            jobs = [(place, place.read()) for place in self._places() if place.job.exists()]
            ended = sorted((job.created_at, place) for place, job in jobs if job.status in {*FINAL, "held"})
            for _, place in ended[: max(len(jobs) - KEPT, 0)]:
                shutil.rmtree(place.folder, ignore_errors=True)


class _StoppedError(Exception):
    """The service is stopping."""


def _no_room(error: Exception) -> bool:
    if isinstance(error, ProblemError):
        return error.code in _LATER
    return isinstance(error, OSError) and error.errno in _FULL
