"""Campaign 7: bytes that are not what the service expects never make it fail.

Valid requests to every route are mutated (bits flipped, pieces cut, doubled, moved, replaced by hostile ones) and sent
over raw sockets, headers and all. Every answer must be HTTP with a status that the OpenAPI document or the HTTP layer
lists, never 5xx; a request that is not complete may also end in a closed connection. The service answers to the end.

Control: a service in which some bodies raise must be caught.
"""

import json
import logging
import random
import socket
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, Steps, sized, unhurried
from benchmarks.reliability.living import living

BELOW = frozenset({400, 404, 405, 408, 413, 431})
"""Statuses of the HTTP layer, which any request may get."""
HOSTILE = (
    b"\x00", b"\xff\xfe", b"\r\n", b"\r\n\r\n", b"\n", b": ", b'"', b"\\u0000", b"\\ud800", b"NaN", b"1e999", b"-0",
    b"9" * 400, b"[" * 200, b"{" * 200, b'{"n":1,"n":2}', b"null", b"true", b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n", b"Content-Encoding: gzip\r\n", b"Expect: 100-continue\r\n", b"%00", b"%2e%2e/", b"?n=",
    b"&n=5", b"HTTP/0.9", b"HTTP/2.0", b"A" * 5000, b"\xf0\x9f\x91\x97", b"\xef\xbb\xbf", b"Upgrade: websocket\r\n",
)  # fmt: skip
_SECONDS = 20.0


@dataclass
class Findings:
    """What came back."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, bytes]] = field(default_factory=list)
    """Answers that must not be, with what was sent."""


def seeds(document: Mapping[str, Any], item: str) -> list[bytes]:
    """A valid request for each route of the document."""
    found = []
    for path, methods in document["paths"].items():
        address = path.replace("{item_id}", item).replace("{", "").replace("}", "")
        for method, operation in methods.items():
            body = b""
            if "requestBody" in operation:
                kinds = operation["requestBody"]["content"]
                schema = next(iter(kinds.values()))["schema"]
                body = json.dumps(example(schema, document)).encode()
            found.append(_request(method.upper(), address, body))
    return found


def example(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int = 0) -> Any:
    """A value with every field of a schema."""
    if "$ref" in schema:
        return example(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, depth + 1)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return example(schema[several][0], document, depth)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: example(part, document, depth + 1) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema.get("items", {}), document, depth + 1)] if depth < 6 else []
    values = {"string": "ann", "integer": 3, "number": 2.5, "boolean": True, "null": None}
    return values.get(str(kind), {})


def _request(method: str, address: str, body: bytes) -> bytes:
    lines = [f"{method} {address} HTTP/1.1", "Host: shop", "Connection: close"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def mutated(sent: bytes, rng: random.Random) -> bytes:
    """`sent` with one to four changes; in half of the cases the length of the body is told as it is."""
    changed = bytearray(sent)
    for _ in range(rng.randint(1, 4)):
        _MUTATIONS[rng.randrange(len(_MUTATIONS))](changed, rng)
    head, blank, body = bytes(changed).partition(b"\r\n\r\n")
    if blank and rng.random() < 0.5:
        lines = [
            f"Content-Length: {len(body)}".encode() if x.startswith(b"Content-Length") else x
            for x in head.split(b"\r\n")
        ]
        return b"\r\n".join(lines) + blank + body
    return bytes(changed)


def _flip(text: bytearray, rng: random.Random) -> None:
    if text:
        text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)


def _cut(text: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(text) + 1)
    del text[start : start + rng.randint(1, 20)]


def _double(text: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(text) + 1)
    text[start:start] = text[start : start + rng.randint(1, 60)]


def _insert(text: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(text) + 1)
    text[at:at] = rng.choice(HOSTILE)


def _overwrite(text: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(text) + 1)
    piece = rng.choice(HOSTILE)
    text[at : at + len(piece)] = piece


def _noise(text: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(text) + 1)
    text[at : at + 3] = rng.randbytes(rng.randint(1, 9))


_MUTATIONS = (_flip, _flip, _cut, _double, _insert, _overwrite, _noise)


def run(address: tuple[str, int], document: Mapping[str, Any], item: str, count: int, seed: int = 0) -> Findings:
    """Send `count` mutated requests, one connection each."""
    allowed = BELOW | {int(status) for _, operation in _operations(document) for status in operation["responses"]}
    rng, found, steps = random.Random(seed), Findings(), Steps("bad HTTP", count)
    valid = seeds(document, item)
    for n in range(count):
        sent = mutated(valid[n % len(valid)], rng)
        status = answer(address, sent)
        found.statuses[status] += 1
        # 503 says that the service is busy or has no state; under this load, one request at a time, it is neither.
        if status != "closed" and (not status.isdigit() or int(status) >= 500 or int(status) not in allowed):
            found.wrong.append((status, sent))
        if n % 1000 == 999 and not steps.at(n + 1, f"{len(found.wrong)} wrong"):
            break
    return found


def answer(address: tuple[str, int], sent: bytes) -> str:
    """Status of the last answer to these bytes, or why there was none."""
    try:
        got = received(address, sent)
    except (ConnectionResetError, BrokenPipeError):
        return "closed"
    except TimeoutError:
        return "no answer"
    if not got:
        return "closed"
    statuses = [line.split(b" ")[1].decode() for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    final = [status for status in statuses if status != "100"]
    return final[-1] if final else "closed" if statuses else "not HTTP"


def exchange(address: tuple[str, int], *pieces: bytes, hang_up: bool = True) -> tuple[bytes, bytes]:
    """Head and body of the answer to `pieces`."""
    head, _, body = received(address, *pieces, hang_up=hang_up).partition(b"\r\n\r\n")
    return head, body


def received(address: tuple[str, int], *pieces: bytes, hang_up: bool = True) -> bytes:
    """All that comes back until the service hangs up; `hang_up`: say that nothing more will be sent."""
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as connection:
        connection.settimeout(_SECONDS)
        connection.connect(address)
        for piece in pieces:
            connection.sendall(piece)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def promised(scale: float) -> Found:
    """A small shop, served on a socket, and again with a reader of bodies that trusts what it is sent."""
    from muslin.http import strict_json
    from muslin.http.app import create_app
    from muslin.recipes.fit import fit
    from muslin.testing.worlds import tiny_shop

    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a line for each of these requests is of no use
    model, found = fit(tiny_shop(items=60, users=60, events=300), "content_knn"), Found()
    with tempfile.TemporaryDirectory() as folder:
        with living(create_app(model, state=Path(folder) / "right")) as address:
            right = run(address, _document(address), "g0000", sized(1_000_000, scale, 500))
            if answer(address, _request("GET", "/readyz", b"")) != "200":
                found.failures.append("the service no longer answers")
        unhurried()
        with (
            mutants.patched(strict_json, "_text", lambda body: body.decode("utf-8", errors="strict")),
            living(create_app(model, state=Path(folder) / "wrong")) as address,
        ):
            found.controls["a body that is no UTF-8 raises"] = bool(
                run(address, _document(address), "g0000", 900).wrong
            )
    found.failures += [f"{status}: {sent[:200]!r}" for status, sent in right.wrong[:20]]
    found.done = {"requests": sum(right.statuses.values()), **dict(sorted(right.statuses.items()))}
    found.share = sum(right.statuses.values()) / sized(1_000_000, scale, 500)
    return found


def _document(address: tuple[str, int]) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/openapi.json") as answered:
        return dict(json.load(answered))


CAMPAIGN = Campaign(7, "bad_http", "bad HTTP never 5xx", "1 M mutated requests: 0 5xx, 0 undocumented status", promised)
