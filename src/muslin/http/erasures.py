"""Erasures of users under way, and how they ended."""

import secrets
from collections import OrderedDict
from concurrent.futures import Future
from functools import partial
from typing import Literal

import msgspec

from muslin.engine.online.erase import Erased
from muslin.engine.online.online import Online
from muslin.engine.online.refused import RefusedError
from muslin.http.log import report
from muslin.http.problems import ProblemError

_MOST_JOBS = 1000


class Erasure(msgspec.Struct, frozen=True, omit_defaults=True):
    """An erasure under way or done; `events`: how many were removed; `code`: why it failed, and must be sent again."""

    job_id: str
    status: Literal["running", "done", "failed"]
    events: int | None = None
    code: Literal["storage_full", "internal_error"] | None = None


class Erasures:
    """The erasures of a service, the newest few."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Future[Erased]] = OrderedDict()

    def start(self, online: Online, user_id: str) -> Erasure:
        """Begin one."""
        job = secrets.token_urlsafe(12)
        self._jobs[job] = future = online.erasing(user_id)
        future.add_done_callback(partial(_told, job))
        if len(self._jobs) > _MOST_JOBS:
            self._jobs.popitem(last=False)
        return self.of(job)

    def of(self, job: str) -> Erasure:
        """How it stands; raises `ProblemError` (`unknown_job`)."""
        future = self._jobs.get(job)
        if future is None:
            raise ProblemError("unknown_job")
        if not future.done():
            return Erasure(job, "running")
        error = future.exception()
        if error is None:
            return Erasure(job, "done", future.result().events)
        full = isinstance(error, RefusedError) and error.code == "storage_full"
        return Erasure(job, "failed", code="storage_full" if full else "internal_error")


def _told(job: str, future: Future[Erased]) -> None:
    """An erasure that failed is not over: an operator must know."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        report("erasure_failed", error, {"job_id": job})
