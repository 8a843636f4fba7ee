"""Whether the process lives, and whether it can answer. No detail: these need no key."""

import msgspec
from litestar import get
from litestar.di import NamedDependency

from muslin.http.problems import ProblemError, documented
from muslin.http.service import Service


class Health(msgspec.Struct, frozen=True):
    """All is well; otherwise the answer is a problem."""

    status: str = "ok"


@get(
    "/livez",
    summary="Is the process alive?",
    opt={"scope": None},
    responses=documented("ambiguous_length", "headers_too_large", guarded=False),
)
async def livez() -> Health:
    """Answer as long as the event loop turns."""
    return Health()


@get(
    "/readyz",
    summary="Can it answer?",
    opt={"scope": None},
    responses=documented("ambiguous_length", "headers_too_large", "not_ready", guarded=False),
)
async def readyz(service: NamedDependency[Service]) -> Health:
    """Answer 200 once a model is loaded and has proved that it answers."""
    if not service.ready:
        raise ProblemError("not_ready", headers={"Retry-After": "1"})
    return Health()
