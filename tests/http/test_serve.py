"""The real server: a process of its own, real sockets, real signals."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import polars as pl
import pytest

from muslin.engine.key_file import create
from muslin.engine.model import Model
from muslin.errors import ModelError, UsageError
from muslin.http.serve import Settings, serve

CODE = "import sys; from muslin.http.serve import Settings, serve; serve(sys.argv[1], Settings(port=0, admin_port=0))"


class Server(NamedTuple):
    process: subprocess.Popen[str]
    line: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.line["url"])

    def connection(self) -> socket.socket:
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=10)

    def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes until the server hangs up."""
        with self.connection() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def path(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model.save(tmp_path_factory.mktemp("served") / "model")


def start(path: Path, code: str = CODE) -> Server:
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("{"), first + process.stderr.read()
    return Server(process, json.loads(first))


def stop(server: Server, number: int) -> tuple[int, str]:
    server.process.send_signal(number)
    _, rest = server.process.communicate(timeout=20)
    return server.process.returncode, rest


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[Server]:
    running = start(path)
    yield running
    running.process.kill()
    running.process.communicate()


def test_says_where_it_listens(server: Server, model: Model) -> None:
    line = server.line
    assert line["event"] == "serving"
    assert line["url"].startswith("http://127.0.0.1:")
    assert (line["items"], line["shoppers"]) == (8, 7)
    assert set(line) == {"time", "event", "url", "docs", "admin", "model_version", "items", "shoppers", "seconds"}


def test_what_stays_for_good_is_not_looked_through_again(path: Path) -> None:
    """A full collection stops all answers; once it serves, there is next to nothing for one to look through."""
    told = "; import gc; print('frozen', gc.get_freeze_count(), 'left', len(gc.get_objects()), file=sys.stderr)"
    code, rest = stop(start(path, CODE + told), signal.SIGTERM)
    assert code == 0
    words = rest.splitlines()[-1].split()
    assert int(words[1]) > 5 * int(words[3])


def test_answers_like_the_library(server: Server, model: Model) -> None:
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/readyz").json() == {"status": "ok"}
        answer = client.post("/v1/recommendations", json={"user_id": "ann", "context_items": ["scarf2"], "n": 5})
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert answer.json()["model_version"] == server.line["model_version"]
        events = pl.DataFrame({"user_id": ["ann"], "item_id": ["scarf2"]})
        expected = model.recommend("ann", 5, events=events)
        assert [item["item_id"] for item in answer.json()["items"]] == expected["item_id"].to_list()
        assert client.get("/v1/items/dress9/audience").json()["users"][0]["user_id"] == "ann"
        assert client.get(server.line["docs"]).status_code == 200


def test_refuses_over_real_sockets(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        json_type = {"Content-Type": "application/json"}
        large = client.post("/v1/recommendations", content=b" " * 3_000_000, headers=json_type)
        assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
        pieces = client.post("/v1/recommendations", content=(b" " * 65536 for _ in range(40)), headers=json_type)
        assert (pieces.status_code, pieces.json()["code"]) == (413, "body_too_large")
        assert client.post("/v1/recommendations", content=b"{", headers=json_type).status_code == 400
        assert client.request("BREW", "/livez").status_code == 405
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"hello\r\n\r\n", 400, "bad_request"),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nBad Header: 1\r\n\r\n", 400, "bad_request"),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (
            b"POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            400,
            "ambiguous_length",
        ),
        (
            b"POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            400,
            "bad_request",
        ),
        (b"POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (
            b"POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nnot a chunk\r\n",
            400,
            "bad_request",
        ),
    ],
    ids=[
        "no HTTP",
        "no host",
        "bad header",
        "64 KB header",
        "1 MB header",
        "two lengths",
        "contrary lengths",
        "negative length",
        "bad chunk",
    ],
)
def test_refuses_what_is_not_http(server: Server, request_bytes: bytes, status: int, code: str) -> None:
    head, _, body = server.raw(request_bytes).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"].encode() in head
    assert httpx.get(f"{server.url}/livez").status_code == 200


def test_admin_port(server: Server) -> None:
    httpx.post(f"{server.url}/v1/recommendations", json={})
    text = httpx.get(f"{server.line['admin']}/metrics").text
    labels = 'route="/v1/recommendations",method="POST",status_class="2xx"'
    assert f"muslin_http_request_duration_seconds_count{{{labels}}}" in text
    assert httpx.get(f"{server.line['admin']}/readyz").status_code == 200
    assert httpx.get(f"{server.url}/metrics").status_code == 404


def test_many_at_once(server: Server) -> None:
    answers: list[dict[str, Any]] = []

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=120) as client:
            for _ in range(10):
                answer = client.post("/v1/recommendations", json={"user_id": "cat", "n": 4})
                while answer.status_code == 503:  # a machine busy with other things: come back, as callers do
                    time.sleep(0.05)
                    answer = client.post("/v1/recommendations", json={"user_id": "cat", "n": 4})
                answers.append(answer.json()["items"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 80
    assert all(answer == answers[0] for answer in answers)


def test_sigterm_ends_well(path: Path) -> None:
    server = start(path)
    head = (
        b"POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n"
    )
    with httpx.Client(base_url=server.url) as idle, server.connection() as busy:
        assert idle.get("/readyz").status_code == 200
        busy.sendall(head + b'{"n"')
        # The server has to have begun with this request before it is told to stop.
        assert idle.get("/readyz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        busy.sendall(b": 1}")
        assert busy.recv(65536).startswith(b"HTTP/1.1 200 ")
        status, rest = stop(server, signal.SIGTERM)
    assert (status, [json.loads(line)["event"] for line in rest.splitlines()]) == (0, ["stopped"])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/livez")


def test_ctrl_c_is_an_interruption(path: Path) -> None:
    status, rest = stop(start(path), signal.SIGINT)
    assert status == -signal.SIGINT
    assert rest.rstrip().endswith("KeyboardInterrupt")


def test_bad_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        serve(tmp_path, Settings(port=0))
    assert caught.value.code == "not_a_model"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "0", "192.0.2.1", "::ffff:192.0.2.1", "255.255.255.255"])
def test_other_machines_need_a_key(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError) as caught:
        serve(tmp_path, Settings(host=host, port=0))
    assert caught.value.code == "needs_key"


def test_with_a_key_other_machines_may_ask(tmp_path: Path) -> None:
    create(tmp_path, "shop", ["recs:read"], [])
    with pytest.raises(ModelError) as caught:  # past the door: it is the model that is missing
        serve(tmp_path, Settings(host="0.0.0.0", port=0, state=tmp_path))
    assert caught.value.code == "not_a_model"


@pytest.mark.parametrize("host", ["no such host", "host.invalid", "a" * 300, "1.2.3.4.5", "127.0.0.1:80", "\x00"])
def test_bad_host(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError) as caught:
        serve(tmp_path, Settings(host=host, port=0))
    assert caught.value.code == "bad_host"


def test_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError) as caught:
        serve(tmp_path, Settings(port=taken.getsockname()[1]))
    assert caught.value.code == "cannot_listen"


def test_signal_handlers_are_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(ModelError):
        serve(tmp_path, Settings(host="localhost", port=0))
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
