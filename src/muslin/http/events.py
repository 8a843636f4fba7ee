"""`POST /v1/events`: what shoppers do, kept before it is acknowledged."""

import asyncio
import time
from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from muslin.engine.online.event import MAX_EVENTS, Receipt
from muslin.engine.online.moments import BadTimeError, micros
from muslin.engine.online.online import Online
from muslin.engine.online.refused import RefusedError
from muslin.http.problems import BODY, STORED, Fault, ProblemError, documented
from muslin.http.refusals import refused
from muslin.http.service import Service

_MANY = 20
"""From this number on, events are checked beside the event loop."""


class EventsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 500 events; each is checked by itself (see Event), and a bad one does not keep the others out."""

    events: Annotated[list[Any], msgspec.Meta(min_length=1, description="objects as Event describes them")]
    sent_at: Annotated[
        Annotated[str, msgspec.Meta(max_length=64)] | int | None,
        msgspec.Meta(description="the sender's clock now: times of events are corrected by its error"),
    ] = None


@post(
    "/v1/events",
    status_code=200,
    summary="Tell what shoppers did",
    opt={"query": ("atomic",), "scope": "events:write"},
    responses=documented(
        *BODY,
        *STORED,
        "no_state",
        "too_many_events",
        "events_rejected",
        "invalid_value",
        "repeated_parameter",
        "too_fast",
    ),
)
async def send_events(
    data: JSONBody[EventsRequest],
    service: NamedDependency[Service],
    atomic: Annotated[bool, QueryParameter(description="all events or none")] = False,
) -> Receipt:
    """Keep events, and learn from them at once.

    The answer comes when they are on the disk: what is accepted is kept, and counted once however often it is sent.
    Rejected events are listed with a code and set aside.
    """
    if len(data.events) > MAX_EVENTS:
        raise ProblemError("too_many_events", "/events")
    started, online = time.monotonic(), service.online
    receipt = await _kept(online, data, atomic)
    service.metrics.observe("event_to_visible_seconds", time.monotonic() - started)
    if atomic and receipt.rejected:
        raise ProblemError("events_rejected", faults=[Fault(f"/events/{b.index}", b.code) for b in receipt.rejected])
    return receipt


async def _kept(online: Online, data: EventsRequest, atomic: bool) -> Receipt:
    sent_at = _sent_at(data.sent_at)
    try:
        if len(data.events) < _MANY:
            future = online.submit(data.events, sent_at=sent_at, atomic=atomic)
        else:
            future = await asyncio.to_thread(online.submit, data.events, sent_at=sent_at, atomic=atomic)
        return await asyncio.shield(asyncio.wrap_future(future))  # what was sent is kept, even if nobody waits
    except RefusedError as error:
        raise refused(error) from None


def _sent_at(moment: str | int | None) -> int | None:
    try:
        return None if moment is None else micros(moment)
    except BadTimeError:
        raise ProblemError("invalid_value", "/sent_at") from None
