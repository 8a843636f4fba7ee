"""What browsers need to hear before they let a shop's page send events: CORS, for the origins of browser keys only."""

from typing import Any

from litestar.datastructures import MutableScopeHeaders

from muslin.http.access import Access

_PATH = "/v1/events"


def allow(scope: Any, headers: MutableScopeHeaders, access: Access) -> None:
    """Add to the answer's `headers` that the asking page may read it, where one of its browser keys says so."""
    if scope["path"] != _PATH:
        return
    headers["Vary"] = "Origin"
    origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), None)
    if origin is None or not access.welcomes(origin):
        return
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = "Retry-After, X-Request-ID"
    if scope.get("method") == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = "POST"
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Content-Encoding"
        headers["Access-Control-Max-Age"] = "600"
