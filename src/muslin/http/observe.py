"""What is told of every request once its answer begins: to the metrics, to the log, and to whoever traces.

Never what was asked or by whom: a route's template, the id of the key, times and the status.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from litestar.types import Message, Scope

from muslin.engine.metrics import Metrics
from muslin.http.log import emit
from muslin.http.problems import request_id

SLOW_SECONDS = 1.0
"""A request that takes longer is logged."""

_LOUD = frozenset({401, 403, 429})
_SERVER_FAULT = 500


class Observation(NamedTuple):
    """One request that was answered."""

    route: str
    """Template of its path; empty where there is none."""
    method: str
    status: int
    started: float
    """Seconds since 1970."""
    seconds: float
    request_id: str
    kid: str
    """Id of its key; empty without one."""
    trace: str
    """The caller's `traceparent`, empty without one."""


Observer = Callable[[Observation], None]


def begin(scope: Scope) -> None:
    """Start the clock of a request."""
    scope.setdefault("state", {})["muslin_started"] = time.perf_counter()


def observation(message: Message, scope: Scope) -> Observation:
    """What is known of a request whose answer starts with `message`."""
    state: dict[str, Any] = scope.setdefault("state", {})
    seconds = time.perf_counter() - state["muslin_started"] if "muslin_started" in state else 0.0
    trace = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    return Observation(
        str(scope.get("path_template", "")) if "muslin_started" in state else "",
        _method(scope),
        int(message["status"]),  # type: ignore[typeddict-item]
        time.time() - seconds,
        seconds,
        request_id(scope),
        str(state.get("muslin_kid", "")),
        trace.decode("latin-1")[:64],
    )


def measured(metrics: Metrics) -> Observer:
    """Observer that times requests by route."""

    def measure(seen: Observation) -> None:
        status = f"{seen.status // 100}xx"
        metrics.observe("http_request_duration_seconds", seen.seconds, seen.route or "none", seen.method, status)

    return measure


def logged(every: bool) -> Observer:
    """Observer that logs requests: all, or those that were slow, refused for their key or rate, or failed."""

    def log(seen: Observation) -> None:
        loud = seen.status in _LOUD or seen.status >= _SERVER_FAULT or seen.seconds > SLOW_SECONDS
        if every or loud:
            told = {
                "request_id": seen.request_id,
                "method": seen.method,
                "route": seen.route,
                "status": seen.status,
                "milliseconds": round(seen.seconds * 1000, 2),
                "key": seen.kid,
                "trace": seen.trace,
            }
            emit("request", {name: value for name, value in told.items() if value != ""})

    return log


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _method(scope: Any) -> str:
    """The method, `OTHER` for one that is made up: a label must not grow with what people send."""
    method = str(scope.get("method", ""))
    return method if method in _METHODS else "OTHER"
