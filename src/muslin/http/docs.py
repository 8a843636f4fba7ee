"""The API describing itself: OpenAPI at `/openapi.json`, and a page for people at `/docs`.

The page is made here, without scripts and without anything fetched from elsewhere, so it works offline.
"""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec
from litestar import MediaType, Response, get
from litestar.datastructures import State

_STYLE = (
    "body{max-width:56rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:#222}"
    "h2{margin-top:2.5rem;border-bottom:1px solid #ccc}code,pre{font:14px/1.4 ui-monospace,monospace}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{text-align:left;vertical-align:top;"
    "padding:.3rem .6rem;border-bottom:1px solid #ddd}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'"
_BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "enum", "default", "description")


@get("/openapi.json", include_in_schema=False, opt={"scope": None})
async def openapi(state: State) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    return dict(state.document)


@get("/docs", include_in_schema=False, opt={"scope": None})
async def docs(state: State) -> Response[str]:
    """The page."""
    headers = {"Content-Security-Policy": _POLICY}
    return Response(page(state.document), media_type=MediaType.HTML, headers=headers)


def page(document: dict[str, Any]) -> str:
    """HTML page of an OpenAPI document."""
    info = document["info"]
    body = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>",
        '<p>For programs: <a href="/openapi.json">openapi.json</a></p>',
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body.extend(_operation(f"{method.upper()} {path}", operation))
    for name, schema in document["components"]["schemas"].items():
        body.append(f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{escape(schema.get("description", ""))}</p>')
        fields = ((field, _kind(kind), _bounds(kind)) for field, kind in schema["properties"].items())
        body.append(_table(("field", "type", ""), fields))
    head = f'<meta charset="utf-8"><title>{escape(info["title"])} API</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>'


def _operation(title: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{escape(title)}</code></h2><p>{escape(operation['description'])}</p>"
    parameters = operation.get("parameters", [])
    if parameters:
        rows = ((p["name"], f"{escape(p['in'])} {_kind(p['schema'])}", _bounds(p["schema"])) for p in parameters)
        yield _table(("parameter", "type", ""), rows)
    if "requestBody" in operation:
        yield f"<p>Body: {_kind(operation['requestBody']['content']['application/json']['schema'])}</p>"
    answers = operation["responses"].items()
    yield _table(
        ("status", "body", ""),
        ((s, _kind(next(iter(a["content"].values()))["schema"]), escape(a["description"])) for s, a in answers),
    )


def _kind(schema: dict[str, Any]) -> str:
    """HTML of a schema's type, with a link to where it is explained."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return escape(str(schema.get("type", "one of" if "enum" in schema else "anything")))


def _bounds(schema: dict[str, Any]) -> str:
    parts = [schema, *schema.get("anyOf", [])]
    found = {name: part[name] for part in reversed(parts) for name in _BOUNDS if name in part}
    return escape("; ".join(f"{k} {msgspec.json.encode(v).decode()}" for k, v in found.items()))


def _table(titles: tuple[str, ...], rows: Iterator[tuple[str, str, str]]) -> str:
    """HTML table; the first cell of a row is text, the others are HTML."""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(f"<tr><td><code>{escape(a)}</code></td><td>{b}</td><td>{c}</td></tr>" for a, b, c in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
