"""Who may ask for what: every route names a scope, and a key opens the scopes it was made for.

A route's `opt` has `scope`: the name of one, or None for a route that tells nothing and is open to all. One that says
nothing is refused when the application is built.
"""

from collections.abc import Sequence
from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from muslin.engine.key_file import Watched
from muslin.engine.keys import SCOPES, Key, found, held_in
from muslin.engine.metrics import Metrics
from muslin.http.problems import ProblemError
from muslin.http.rates import Rates

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="muslin"'}


class Access:
    """The keys and rates of one service. Without any key it is open: then it listens on loopback only."""

    def __init__(self, keys: Watched, rates: Rates, metrics: Metrics) -> None:
        self._keys, self._rates, self._metrics = keys, rates, metrics

    def admit(self, request: Request[Any, Any, State]) -> None:
        """Raise `ProblemError` (401, 403 or 429) unless this request may go on."""
        scope = request.route_handler.opt["scope"] if request.method != "OPTIONS" else None
        if held_in(request.scope["path"]) or held_in(str(request.scope["query_string"], "latin-1")):
            raise self._refusal("key_in_url", _CHALLENGE)
        keys = self._keys.current()
        if scope is None or not self._keys.locked:
            return
        key = self._key(request, keys)
        request.scope["state"]["muslin_kid"] = key.kid
        if scope not in key.scopes:
            raise self._refusal("missing_scope", {})
        if key.origins and request.headers.get("origin") not in key.origins:
            raise self._refusal("wrong_origin", {})
        client = request.client.host if key.origins and request.client else ""
        self._rates.take(key.kid, client)

    def welcomes(self, origin: str) -> bool:
        """Whether browsers on pages of `origin` have a key."""
        return any(origin in key.origins for key in self._keys.current())

    def _key(self, request: Request[Any, Any, State], keys: Sequence[Key]) -> Key:
        given = request.headers.getall("authorization", [])
        if not given:
            raise self._refusal("missing_key", _CHALLENGE)
        scheme, _, text = given[0].partition(" ")
        key = found(keys, text.strip()) if len(given) == 1 and scheme.lower() == "bearer" else None
        if key is None:
            raise self._refusal("unknown_key", _CHALLENGE)
        return key

    def _refusal(self, code: str, headers: dict[str, str]) -> ProblemError:
        self._metrics.count("auth_failures_total", code)
        return ProblemError(code, headers=headers)


def require_scopes(routes: Sequence[HTTPRouteHandler]) -> None:
    """Raise `ValueError` naming the routes that do not say who may use them."""
    silent = [str(route) for route in routes if route.opt.get("scope", "") not in (None, *SCOPES)]
    if silent:
        raise ValueError(f"these routes need a scope in opt: {', '.join(silent)}")
