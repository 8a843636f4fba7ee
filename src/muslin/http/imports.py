"""Whole files of garments: sent at once, taken beside, and looked up as they go on."""

import asyncio
import time
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from muslin.engine.assortment.job import LARGEST, Job, Mode, Reject
from muslin.http.body import Limits
from muslin.http.importing import Imports, Upload
from muslin.http.problems import STORED, ProblemError, documented

_KINDS = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/vnd.apache.parquet": ".parquet",
    "application/zip": ".zip",
}
_AT_ONCE = 1 << 20
"""Bytes that are written at once."""
_QUERY = ("unknown_field", "repeated_parameter", "invalid_value")


class ImportJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an import stands."""

    job_id: str
    status: Literal["received", "running", "held", "done", "failed"]
    mode: Mode
    read: int
    accepted: int
    older: int
    unchanged: int
    rejected: int
    leaving: int
    code: str | None = None
    detail: str | None = None
    where: str | None = None


class Rejects(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows that were not taken, in order of line."""

    rejects: tuple[Reject, ...]
    next_cursor: str | None = None


def told(job: Job) -> ImportJob:
    """A job as the API tells it."""
    code, detail, where = (job.error.code, job.error.detail, job.error.where) if job.error else (None, None, None)
    return ImportJob(
        job_id=job.job_id,
        status=job.status,
        mode=job.mode,
        read=job.read,
        accepted=job.accepted,
        older=job.older,
        unchanged=job.unchanged,
        rejected=job.rejected,
        leaving=job.leaving,
        code=code,
        detail=detail,
        where=where,
    )


@post(
    "/v1/imports",
    status_code=202,
    summary="Send a file of garments",
    opt={"query": ("mode", "sha256"), "scope": "items:write"},
    request_max_body_size=LARGEST,
    responses=documented(
        *STORED,
        *_QUERY,
        "empty_body",
        "incomplete_body",
        "slow_body",
        "file_too_large",
        "unsupported_file",
        "wrong_checksum",
    ),
)
async def send_import(
    request: Request[Any, Any, State],
    imports: NamedDependency[Imports],
    mode: Annotated[
        Mode, QueryParameter(description="`full`: garments that the file does not have leave the catalogue")
    ] = "upsert",
    sha256: Annotated[
        str | None, QueryParameter(pattern="^[0-9a-f]{64}$", description="checksum of the file, in hexadecimal")
    ] = None,
) -> ImportJob:
    """Take a CSV or Parquet file, or a zip archive of one, with the columns of the catalogue.

    The file is checked as a whole before any of it is taken; bad rows are set aside, and the good ones are kept.
    """
    suffix = _KINDS.get(request.content_type[0])
    if suffix is None or request.headers.get("content-encoding", "identity") != "identity":
        raise ProblemError("unsupported_file", headers={"Accept": ", ".join(_KINDS)})
    upload = await asyncio.to_thread(imports.receive, suffix)
    try:
        await _received(request, upload)
        await asyncio.to_thread(upload.finish, sha256)
    except BaseException:
        upload.drop()
        raise
    return told(await asyncio.to_thread(imports.begin, upload, mode))


async def _received(request: Request[Any, Any, State], upload: Upload) -> None:
    """Write the body down, off the event loop; raises `ProblemError` (`slow_body`) where nothing comes for too long.

    And where the whole takes too long, though something comes now and then.
    """
    limits: Limits = request.app.state.limits
    until = time.monotonic() + limits.upload_seconds
    chunks, gathered = aiter(request.stream()), bytearray()
    while True:
        try:
            async with asyncio.timeout(min(limits.body_seconds, max(0.0, until - time.monotonic()))):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise ProblemError("slow_body", headers={"Connection": "close"}) from None
        gathered += chunk or b""
        if chunk is None or len(gathered) >= _AT_ONCE:
            await asyncio.to_thread(upload.grow, bytes(gathered))
            gathered.clear()
        if chunk is None:
            return


@get(
    "/v1/imports/{job_id:str}",
    summary="See how an import stands",
    opt={"query": (), "scope": "items:write"},
    responses=documented(*STORED, "unknown_job"),
)
async def import_job(job_id: FromPath[str], imports: NamedDependency[Imports]) -> ImportJob:
    """Count its rows by what became of them."""
    return told(imports.find(job_id))


@get(
    "/v1/imports/{job_id:str}/rejects",
    summary="See what an import did not take",
    opt={"query": ("cursor", "n"), "scope": "items:write"},
    responses=documented(*STORED, *_QUERY, "unknown_job", "bad_cursor"),
)
async def import_rejects(
    job_id: FromPath[str],
    imports: NamedDependency[Imports],
    cursor: Annotated[str | None, QueryParameter(max_length=512, description="next_cursor of the page before")] = None,
    n: Annotated[int, QueryParameter(ge=1, le=1000, description="how many")] = 100,
) -> Rejects:
    """List the rejected rows as they were sent, with their lines and codes."""
    found, after = imports.rejects(job_id, cursor, n)
    return Rejects(tuple(found), after)


@post(
    "/v1/imports/{job_id:str}/confirm",
    status_code=202,
    summary="Let an import go on that takes much away",
    opt={"query": (), "scope": "items:write"},
    responses=documented(*STORED, "unknown_job", "not_held"),
)
async def confirm_import(job_id: FromPath[str], imports: NamedDependency[Imports]) -> ImportJob:
    """Go on with a full file that more than a fifth of the catalogue is not in."""
    return told(imports.confirm(job_id))
