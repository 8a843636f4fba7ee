"""Bytes below HTTP: slow ones, hostile ones, and mutated ones by the hundred, over real sockets."""

import json
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.reliability import bad_http

from muslin.engine.model import Model
from muslin.http import strict_json
from muslin.http.app import create_app
from muslin.http.body import Limits
from muslin.http.protocol import ProblemProtocol

Address = tuple[str, int]
Live = Callable[..., Address]
POST = b"POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


def document(address: Address) -> dict[str, Any]:
    return dict(httpx.get(f"http://{address[0]}:{address[1]}/openapi.json").json())


def head_and_problem(address: Address, pieces: list[bytes], pause: float = 0.05) -> tuple[int, str]:
    """Status and code of what comes back when `pieces` are sent with pauses, until there is an answer."""
    with socket.create_connection(address, timeout=60) as connection:
        for piece in pieces:
            connection.sendall(piece)
            if select.select([connection], [], [], pause)[0]:
                break
        head, _, body = until(connection, b"\r\n\r\n").partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        while b'"request_id"' not in body or not body.endswith(b"}"):
            body += until(connection, b"}")
    return int(head.split(b" ")[1]), json.loads(body)["code"]


def until(connection: socket.socket, end: bytes) -> bytes:
    got = b""
    while end not in got:
        piece = connection.recv(65536)
        assert piece, got
        got += piece
    return got


def test_slow_headers(live: Live, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProblemProtocol, "header_seconds", 0.3)
    address = live(create_app(model))
    assert head_and_problem(address, [b"POST /v1/recomm"]) == (408, "slow_headers")
    assert head_and_problem(address, [b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"X: 1\r\n"]) == (408, "slow_headers")
    # Trickling does not help: the clock starts with the first byte.
    drops = [bytes([byte]) for byte in b"GET /livez HTTP/1.1\r\nHost: a\r\nX"]
    assert head_and_problem(address, drops, pause=0.01) == (408, "slow_headers")
    # Whoever sends a whole request in time keeps the connection, idle as it may be.
    with socket.create_connection(address, timeout=60) as connection:
        for _ in range(2):
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert until(connection, b'"ok"}').startswith(b"HTTP/1.1 200")
            time.sleep(0.5)
        # The second of two requests on a connection has a clock of its own.
        connection.sendall(b"GET /livez HT")
        assert until(connection, b"slow_headers").startswith(b"HTTP/1.1 408")


def test_slow_body(live: Live, model: Model) -> None:
    address = live(create_app(model, Limits(body_seconds=0.2)))
    assert head_and_problem(address, [POST + b"Content-Length: 9\r\n\r\n", b'{"n"']) == (408, "slow_body")


def test_silence_is_hung_up_on(live: Live, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProblemProtocol, "silent_seconds", 0.2)
    with socket.create_connection(live(create_app(model)), timeout=60) as connection:
        assert connection.recv(100) == b""


def test_mutated_requests(live: Live, model: Model, tmp_path: Path) -> None:
    address = live(create_app(model, state=tmp_path))
    found = bad_http.run(address, document(address), "dress1", 400)
    assert found.wrong == []
    # Mutation reaches all layers: some pass, some are no HTTP, some have no route, some are no JSON or make no sense.
    assert {"200", "400", "404", "405", "422"} <= set(found.statuses)
    assert httpx.get(f"http://{address[0]}:{address[1]}/readyz").status_code == 200


def test_a_failing_service_is_caught(live: Live, model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def careless(body: bytes) -> str:
        return body.decode("utf-8", errors="strict")

    monkeypatch.setattr(strict_json, "_text", careless)
    address = live(create_app(model, state=tmp_path))
    said = document(address)
    rounds = (bad_http.run(address, said, "dress1", 150, seed) for seed in range(10))
    wrong = next(found.wrong for found in rounds if found.wrong)
    assert {status for status, _ in wrong} == {"500"}


def test_examples_are_valid(live: Live, model: Model) -> None:
    address = live(create_app(model))
    statuses = {bad_http.answer(address, sent) for sent in bad_http.seeds(document(address), "dress1")}
    assert "400" not in statuses
    assert "405" not in statuses
