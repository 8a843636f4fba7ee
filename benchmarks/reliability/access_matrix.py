"""Campaign 8: every route of the OpenAPI document, asked with every kind of key.

Expected: no key, a made-up, a revoked, a mistyped or a doubled key, and a key in the address get 401, a key without the
route's scope 403, and one with it anything else. A route that has no row in `ROWS` fails, as does a row without route.

Control: the same over a service whose guard lets everybody through, and with a row of the wrong scope; both must be
caught.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from litestar.testing import TestClient

from benchmarks.reliability.campaign import Campaign, Found
from muslin.engine.keys import SCOPES

ROWS: dict[tuple[str, str], str | None] = {
    ("GET", "/livez"): None,
    ("GET", "/readyz"): None,
    ("GET", "/v1/items/{item_id}/audience"): "recs:read",
    ("GET", "/v1/items/{item_id}/similar"): "recs:read",
    ("PUT", "/v1/items"): "items:write",
    ("POST", "/v1/imports"): "items:write",
    ("GET", "/v1/imports/{job_id}"): "items:write",
    ("GET", "/v1/imports/{job_id}/rejects"): "items:write",
    ("POST", "/v1/imports/{job_id}/confirm"): "items:write",
    ("PATCH", "/v1/items/{item_id}"): "items:write",
    ("DELETE", "/v1/items/{item_id}"): "items:write",
    ("PATCH", "/v1/items:stock"): "items:write",
    ("GET", "/v1/models"): "models:admin",
    ("POST", "/v1/models"): "models:admin",
    ("POST", "/v1/models/{model_id}:activate"): "models:admin",
    ("POST", "/v1/models/{model_id}:rollback"): "models:admin",
    ("GET", "/v1/erasures/{job_id}"): "users:erase",
    ("POST", "/v1/events"): "events:write",
    ("POST", "/v1/recommendations"): "recs:read",
    ("PUT", "/v1/users"): "users:write",
    ("DELETE", "/v1/users/{user_id}"): "users:erase",
    ("GET", "/v1/users/{user_id}/export"): "users:erase",
}
"""Method and path -> scope, None for open to all. Written by hand: the document must not vouch for itself."""

REFUSED = (401, 403)
Ask = Callable[[str, str, Mapping[str, str]], int]
"""Status of a request: method, address, headers."""


class Keys(NamedTuple):
    """Texts of keys: one for each scope, and one that was revoked."""

    of_scope: Mapping[str, str]
    revoked: str


def failures(document: Mapping[str, Any], ask: Ask, keys: Keys) -> Iterator[str]:
    """One line for each cell that is not as expected."""
    there = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    yield from (f"{method} {path}: no row for this route" for method, path in sorted(there - set(ROWS)))
    yield from (f"{method} {path}: no such route" for method, path in sorted(set(ROWS) - there))
    for method, path in sorted(there & set(ROWS)):
        scope, address = ROWS[method, path], path.replace("{", "").replace("}", "")
        told = document["paths"][path][method.lower()]["security"]
        if told != ([] if scope is None else [{"key": [scope]}]):
            yield f"{method} {path}: the document asks {told}, not {scope}"
        for what, url, headers, expected in _cells(address, scope, keys):
            status = ask(method, url, headers)
            right = status == expected if expected else status not in REFUSED
            if not right:
                yield f"{method} {path}, {what}: {status}, expected {expected or 'neither 401 nor 403'}"


Cell = tuple[str, str, Mapping[str, str], int]
"""What it is, the address, the headers, and the status expected; 0 for any that is no refusal."""


def _cells(address: str, scope: str | None, keys: Keys) -> Iterator[Cell]:
    one = next(iter(keys.of_scope.values()))
    strangers = {
        "no key": {},
        "a made-up key": bearer("mus_0123456789ab_" + "A" * 43),
        "a revoked key": bearer(keys.revoked),
        "a mistyped key": bearer(one[:-1] + ("A" if one[-1] != "A" else "B")),
        "half a key": bearer(one[:20]),
        "another scheme": {"Authorization": f"Basic {one}"},
        "another header": {"X-API-Key": one},
        "letters beyond ASCII": bearer("mus_\xff\xfe"),
    }
    for what, headers in strangers.items():
        yield what, address, headers, 401 if scope else 0
    for name, text in keys.of_scope.items():
        yield f"scope {name}", address, bearer(text), 0 if scope in (None, name) else 403
        yield f"scope {name} in the address", f"{address}?key={text}", {}, 401
        yield f"scope {name} in the address and the header", f"{address}?key={text}", bearer(text), 401


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def promised(_scale: float) -> Found:
    """All of it, whatever the scale: over a locked service, an open one, and with a row that is wrong."""
    from muslin.engine.key_file import Watched, create, revoke
    from muslin.http.app import create_app
    from muslin.recipes.fit import fit
    from muslin.testing.worlds import tiny_shop

    model, found = fit(tiny_shop(items=20, users=20, events=60), "content_knn"), Found()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        texts = {scope: create(place, scope.replace(":", "-"), [scope], []).text for scope in SCOPES}
        ended = create(place, "ended", list(SCOPES), [])
        revoke(place, ended.key.kid)
        keys, right = Keys(texts, ended.text), dict(ROWS)
        with TestClient(create_app(model, keys=Watched(place)), raise_server_exceptions=False) as client:
            document = dict(client.get("/openapi.json").json())
            found.failures = list(failures(document, asking(client), keys))
            ROWS["POST", "/v1/recommendations"] = "models:admin"
            found.controls["a wrong scope"] = bool(list(failures(document, asking(client), keys)))
            ROWS.update(right)
            del ROWS["POST", "/v1/recommendations"]
            found.controls["a route without a row"] = bool(list(failures(document, asking(client), keys)))
            ROWS.update(right)
        with TestClient(create_app(model), raise_server_exceptions=False) as client:
            found.controls["an open door"] = bool(list(failures(document, asking(client), keys)))
    cells = sum(1 for (_, path), scope in ROWS.items() for _ in _cells(path, scope, keys))
    found.done = {"routes": len(ROWS), "scopes": len(SCOPES), "cells": cells}
    return found


def asking(client: Any) -> Ask:
    """Asks the service of a test client."""

    def ask(method: str, url: str, headers: Mapping[str, str]) -> int:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        return int(client.request(method, url, headers=raw).status_code)

    return ask


CAMPAIGN = Campaign(8, "access_matrix", "auth on every route", "every cell; a new route without a row fails", promised)
