"""What a shop keeps of its users: profiles, and the right to see and to lose everything."""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from muslin.engine.assortment.sift import AHEAD
from muslin.engine.online.event import MAX_EVENTS
from muslin.engine.online.moments import BadTimeError, micros
from muslin.engine.online.online import clock
from muslin.engine.online.refused import RefusedError
from muslin.engine.online.stored import Put
from muslin.http.conditions import Id
from muslin.http.erasures import Erasure
from muslin.http.problems import BODY, STORED, ProblemError, documented
from muslin.http.refusals import refused
from muslin.http.service import Service

_STATE = (*STORED, "no_state")

Value = str | int | float | bool | None
Field = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user: `profile` holds the columns of the shop's users by name; null removes the profile."""

    user_id: Id
    profile: Annotated[dict[Field, Value], msgspec.Meta(max_length=100)] | None
    updated_at: Annotated[str, msgspec.Meta(max_length=64)] | int | None = None


class Profiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 500 users."""

    users: Annotated[list[Profile], msgspec.Meta(min_length=1)]


class Kept(msgspec.Struct, frozen=True):
    """What became of them: `stale` ones are older than what is known, `dropped` ones were erased before."""

    kept: int
    stale: int
    dropped: int
    committed_seq: int


@put(
    "/v1/users",
    summary="Keep profiles of users",
    opt={"query": (), "scope": "users:write"},
    responses=documented(
        *BODY,
        *_STATE,
        "too_many_events",
        "invalid_value",
    ),
)
async def put_users(data: JSONBody[Profiles], service: NamedDependency[Service]) -> Kept:
    """Keep the newest profile of each; one without `updated_at` is new now."""
    if len(data.users) > MAX_EVENTS:
        raise ProblemError("too_many_events", "/users")
    online = service.online
    rows = [Put(user.user_id, _moment(at, user), user.profile) for at, user in enumerate(data.users)]
    stored = await _waited(lambda: online.put_users(rows))
    return Kept(stored.kept, stored.stale, stored.dropped, stored.seq)


@delete(
    "/v1/users/{user_id:str}",
    status_code=202,
    summary="Erase a user",
    opt={"query": (), "scope": "users:erase"},
    responses=documented(*_STATE),
)
async def erase_user(user_id: FromPath[str], service: NamedDependency[Service]) -> Erasure:
    """Remove everything known of a user; events that come later are dropped."""
    try:
        return service.erasures.start(service.online, user_id)
    except RefusedError as error:
        raise refused(error) from None


@get(
    "/v1/erasures/{job_id:str}",
    summary="See how an erasure stands",
    opt={"query": (), "scope": "users:erase"},
    responses=documented(*_STATE, "unknown_job"),
)
async def erasure(job_id: FromPath[str], service: NamedDependency[Service]) -> Erasure:
    """Say whether it is done."""
    return service.erasures.of(job_id)


@get(
    "/v1/users/{user_id:str}/export",
    summary="Give a user all that is known of them",
    opt={"query": (), "scope": "users:erase"},
    responses=documented(*_STATE),
)
async def export_user(user_id: FromPath[str], service: NamedDependency[Service]) -> dict[str, Any]:
    """Profile, events and rejected events of a user; empty for one who was never met."""
    online = service.online
    found: dict[str, Any] = await _waited(lambda: online.export(user_id))
    return found


async def _waited(work: Any) -> Any:
    try:
        return await asyncio.to_thread(work)
    except RefusedError as error:
        raise refused(error) from None


def _moment(place: int, user: Profile) -> int:
    if user.updated_at is None:
        return clock()
    try:
        at = micros(user.updated_at)
    except BadTimeError:
        at = None
    if at is None or at > clock() + AHEAD:  # a time in the future would outlast every later word
        raise ProblemError("invalid_value", f"/users/{place}/updated_at")
    return at
