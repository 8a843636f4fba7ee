"""What every request passes through on its way in, and every answer on its way out."""

from typing import Any

from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from muslin.http.cross_origin import allow
from muslin.http.observe import begin, observation
from muslin.http.problems import ProblemError, request_id
from muslin.http.strict_json import below

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""Answers are data for programs: nothing in them is to be guessed at, kept, framed or run."""

_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

_HEADER_BYTES = 64 * 1024


async def screen(request: Request[Any, Any, Any]) -> None:
    """Refuse huge headers, a length that two servers could read differently, who may not, and unknown parameters."""
    begin(request.scope)
    # The protocol refuses headers that come in many pieces; those that come in one reach us.
    headers = request.scope["headers"]
    if sum(len(name) + len(value) for name, value in headers) > _HEADER_BYTES:
        raise ProblemError("headers_too_large", headers={"Connection": "close"})
    if {name for name, _ in headers} >= {b"content-length", b"transfer-encoding"}:
        raise ProblemError("ambiguous_length", headers={"Connection": "close"})
    request.app.state.access.admit(request)
    known = request.route_handler.opt.get("query")
    if known is None or not request.scope["query_string"]:
        return
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in known:
            raise ProblemError("unknown_field", below("/query", name))
        if given.count(name) > 1:
            raise ProblemError("repeated_parameter", f"/query/{name}")


async def finish(message: Message, scope: Scope) -> None:
    """Add the request id and the headers above to an answer that lacks them, and tell the observers."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    there = {name.lower() for name, _ in headers.headers}
    named = (b"x-request-id", request_id(scope).encode())
    headers.headers.extend(header for header in (named, *_HEADERS) if header[0] not in there)
    state = scope["litestar_app"].state
    allow(scope, headers, state.access)
    seen = observation(message, scope)
    for observer in state.observers:
        observer(seen)
