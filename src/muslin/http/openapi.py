"""OpenAPI 3.1 of the routes: Litestar lists them, msgspec describes their bodies."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from muslin import __version__

DEPENDENCIES = ("service", "gallery", "imports")
"""What handlers are given by name, and no caller can send."""

_DESCRIPTION = (
    "Recommendations for fashion that work for garments nobody has clicked and shoppers nobody has seen. "
    "Every answer says on which path it was found: hot (shopper and garment known from training), warming (a new "
    "shopper with fresh events), cold (from content or profile alone) or fallback (popularity). "
    "Refusals are application/problem+json."
)


def document(routes: Sequence[HTTPRouteHandler], bodies: Sequence[type[msgspec.Struct]]) -> dict[str, Any]:
    """OpenAPI document of `routes`, whose requests and answers are `bodies` and what these are made of.

    Litestar's own schemas leave out most bounds and that unknown fields are refused, so msgspec's take their place. A
    throw-away application makes the list: one that published it itself would also serve pages that need the network.
    """
    config = OpenAPIConfig(
        title="Muslin",
        version=__version__,
        description=_DESCRIPTION,
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin()],
    )
    needs = {name: Provide(lambda: None, sync_to_thread=False) for name in DEPENDENCIES}
    app = Litestar(routes, openapi_config=config, dependencies=needs, logging_config=None)
    found: dict[str, Any] = app.openapi_schema.to_schema()
    _, schemas = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    key = {"type": "http", "scheme": "bearer", "description": "mus_…, made with `muslin keys create`"}
    found["components"] = {"schemas": schemas, "securitySchemes": {"key": key}}
    for route in routes:
        for path in route.paths:
            for method in route.http_methods:
                scope = route.opt["scope"]
                operation = found["paths"][_plain(path)][method.lower()]
                operation["security"] = [] if scope is None else [{"key": [scope]}]
        for action in route.opt.get("actions", ()):
            # The router knows no suffix of a parameter, so one route serves several paths of the document.
            for path in route.paths:
                found["paths"][f"{_plain(path)}:{action}"] = {
                    method: {**operation, "operationId": f"{operation['operationId']}_{action}"}
                    for method, operation in found["paths"][_plain(path)].items()
                }
    for path in {_plain(path) for route in routes if "actions" in route.opt for path in route.paths}:
        del found["paths"][path]
    return dict(msgspec.to_builtins(found))


def _plain(path: str) -> str:
    """A route's path as OpenAPI writes it, without the types of its parameters."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
