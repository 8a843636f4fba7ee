"""What the service says when it refuses: `application/problem+json` (RFC 9457), from one table of codes.

No problem repeats what was sent: the words are ours, and a pointer names a place in the body by plain field names only.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from muslin.http.log import report

MEDIA_TYPE = "application/problem+json"

CODES: dict[str, tuple[int, str]] = {
    "ambiguous_length": (400, "Content-Length and Transfer-Encoding cannot both be given."),
    "bad_cursor": (400, "The cursor is not one of ours, or of another list."),
    "bad_gzip": (400, "The body is not one complete gzip stream."),
    "bad_request": (400, "The request cannot be read."),
    "bad_utf8": (400, "The body is not UTF-8."),
    "byte_order_mark": (400, "The body starts with a byte order mark; send plain UTF-8."),
    "duplicate_key": (400, "An object has the same key twice."),
    "empty_body": (400, "The body is empty; send a JSON object."),
    "incomplete_body": (400, "The body ended early."),
    "invalid_json": (400, "The body is not JSON."),
    "non_finite": (400, "NaN and Infinity are not JSON."),
    "null_body": (400, "The body is null; send a JSON object."),
    "too_deep": (400, "The body is nested too deeply."),
    "key_in_url": (401, "A key in an address ends up in logs; send it as Authorization: Bearer, and revoke this one."),
    "missing_key": (401, "Send a key as Authorization: Bearer."),
    "unknown_key": (401, "The key is unknown or revoked."),
    "missing_scope": (403, "The key does not open this."),
    "wrong_origin": (403, "The key is bound to other web pages."),
    "not_found": (404, "There is nothing at this address."),
    "unknown_item": (404, "The catalogue has no such item."),
    "unknown_model": (404, "No such model is loaded, or can be."),
    "unknown_job": (404, "There is no such job, or it was long ago."),
    "method_not_allowed": (405, "This address does not take this method; see the Allow header."),
    "slow_body": (408, "The body took too long to arrive."),
    "slow_headers": (408, "The headers took too long to arrive."),
    "stale_cursor": (409, "The list is no longer kept, or another model answers now; ask again from the start."),
    "already_active": (409, "This model answers already."),
    "load_in_progress": (409, "Another model is being loaded; try again when it is done."),
    "no_previous": (409, "There is no model to go back to."),
    "not_held": (409, "The job does not wait for a confirmation."),
    "not_active": (409, "This model does not answer, so there is nothing to go back from."),
    "body_too_large": (413, "The body is larger than one megabyte, as sent or as decoded."),
    "too_many_events": (413, "A request holds 500 events, or users, at most."),
    "too_many_items": (413, "A request holds 500 garments at most."),
    "file_too_large": (413, "The file is larger than two gigabytes, as sent or as unpacked."),
    "unsupported_file": (415, "Send text/csv, application/vnd.apache.parquet, or application/zip of one such table."),
    "unsupported_encoding": (415, "The body may be gzip or not encoded at all."),
    "unsupported_media_type": (415, "Send application/json in UTF-8."),
    "bad_characters": (422, "A text holds control characters or half a surrogate pair."),
    "events_rejected": (422, "Some events are not accepted, and all or none were asked for; see errors."),
    "exclusive_fields": (422, "Only one of user_id and session_id can be given."),
    "invalid_value": (422, "A value is not allowed here."),
    "min_above_max": (422, "The lowest value is above the highest."),
    "garment_refused": (422, "The garment is not accepted; see errors."),
    "model_refused": (422, "The model is damaged, foreign, too new, or no better than constant or worse answers."),
    "out_of_range": (422, "A number is out of range."),
    "unknown_field": (422, "A field or query parameter is unknown."),
    "repeated_parameter": (422, "A query parameter is given twice."),
    "wrong_checksum": (422, "The file is not the one that was meant; send it again."),
    "wrong_length": (422, "A text or list is too short or too long."),
    "wrong_type": (422, "A value has the wrong type."),
    "rate_limited": (429, "Too many requests for this key; see Retry-After."),
    "too_fast": (429, "One shopper sends more events than a person can make."),
    "headers_too_large": (431, "The headers are too large."),
    "internal_error": (500, "The service failed; the request id finds the cause in its log."),
    "no_state": (503, "The service keeps no events: it was started without a state directory."),
    "not_ready": (503, "The model is not loaded yet; try again shortly."),
    "overloaded": (503, "Too many requests are waiting; try again shortly."),
    "storage_full": (507, "No disk space is left for events; answers go on."),
}
"""Every code with its status and its explanation."""

_OF_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where."""

    pointer: str
    """JSON pointer into the body, or `/query/NAME` for a query parameter."""
    code: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A refusal."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: tuple[Fault, ...] = ()


class ProblemError(Exception):
    """Ends a request with the problem `code`, at `pointer` if one place is to blame, or with several `faults`."""

    def __init__(
        self,
        code: str,
        pointer: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        reason: str = "",
        faults: Sequence[Fault] = (),
    ) -> None:
        """`reason`: a code that says more than `code` of what is wrong there."""
        super().__init__(code)
        self.code = code
        self.faults = tuple(faults) if pointer is None else (Fault(pointer, reason or code),)
        self.headers = dict(headers or {})


def problem(code: str, request_id: str, faults: Sequence[Fault] = ()) -> Problem:
    """Problem of a code in `CODES`."""
    status, detail = CODES[code]
    return Problem(
        type=f"urn:muslin:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=f"urn:uuid:{request_id}",
        code=code,
        request_id=request_id,
        errors=tuple(faults),
    )


BODY = (
    "bad_gzip",
    "bad_utf8",
    "byte_order_mark",
    "duplicate_key",
    "empty_body",
    "incomplete_body",
    "invalid_json",
    "non_finite",
    "null_body",
    "too_deep",
    "slow_body",
    "body_too_large",
    "unsupported_encoding",
    "unsupported_media_type",
    "bad_characters",
    "out_of_range",
    "unknown_field",
    "wrong_length",
    "wrong_type",
)
"""What every route that reads a body can answer with."""
STORED = ("ambiguous_length", "headers_too_large", "internal_error", "not_ready", "overloaded", "storage_full")
"""What every route that keeps something, or tells of what is kept, can answer with."""
OF_ITEM = (
    "ambiguous_length",
    "unknown_item",
    "invalid_value",
    "repeated_parameter",
    "unknown_field",
    "headers_too_large",
    "internal_error",
    "not_ready",
    "overloaded",
)
"""What every question about one garment can answer with."""
_GUARDED = ("key_in_url", "missing_key", "unknown_key", "missing_scope", "wrong_origin", "rate_limited")
"""What every route that has a scope can answer with."""


def documented(*codes: str, guarded: bool = True) -> dict[int, ResponseSpec]:
    """OpenAPI rows for the problems a route can answer with; `guarded`: it has a scope."""
    by_status: dict[int, list[str]] = {}
    codes = (*codes, *(_GUARDED if guarded else ("key_in_url",)))
    for code in codes:
        by_status.setdefault(CODES[code][0], []).append(code)
    return {
        status: ResponseSpec(Problem, description=", ".join(same), media_type=MEDIA_TYPE, generate_examples=False)
        for status, same in sorted(by_status.items())
    }


def request_id(scope: Any) -> str:
    """Id of the request of an ASGI scope; the same each time it is asked for."""
    state: dict[str, Any] = scope.setdefault("state", {})
    if "muslin_request_id" not in state:
        state["muslin_request_id"] = str(uuid4())
    return str(state["muslin_request_id"])


def on_problem(request: Request[Any, Any, Any], error: ProblemError) -> Response[Problem]:
    """Answer to a `ProblemError`."""
    return _response(request, error.code, error.faults, error.headers)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Answer to what Litestar refuses by itself: routes, methods, body size, path and query parameters."""
    if isinstance(error, ValidationException):
        keys = [part["key"] for part in error.extra or () if isinstance(part, dict) and "key" in part]
        return _response(request, "invalid_value", [Fault(f"/query/{key}", "invalid_value") for key in keys], {})
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_failure(request, error)
    code = _OF_STATUS.get(error.status_code, "bad_request")
    return _response(request, code, (), dict(error.headers or {}))


def on_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer to a fault of ours; the log has the cause."""
    report("request_failed", error, {"request_id": request_id(request.scope)})
    return _response(request, "internal_error", (), {})


def _response(
    request: Request[Any, Any, Any], code: str, faults: Sequence[Fault], headers: Mapping[str, str]
) -> Response[Problem]:
    content = problem(code, request_id(request.scope), faults)
    return Response(content, status_code=content.status, media_type=MEDIA_TYPE, headers=dict(headers))
