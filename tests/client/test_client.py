"""The client against the real application on a real socket, and against services that misbehave."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
import pytest

from muslin.client import Client, Event, Filters, Patience, PriceRange, ServiceError, Wish, shapes
from muslin.client.client import BATCH, _batches
from muslin.errors import UsageError

Answer = tuple[int, dict[str, str], Any]
Script = Callable[[int, str, str, bytes], Answer | None]
"""Number of the request, method, path, body -> status, headers and body; None hangs up."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: ClassVar[Script]
    seen: ClassVar[list[tuple[str, str, Any]]]
    log_message = lambda *_: None  # noqa: E731

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.command, self.path, json.loads(body) if body else None))
        found = type(self).script(len(self.seen), self.command, self.path, body)
        if found is None:
            self.close_connection = True
            return
        status, headers, content = found
        encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(encoded))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_POST = do_PUT = do_DELETE = answer


@contextmanager
def service(script: Script) -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """A service that follows a script: its address, and what it was asked."""
    seen: list[tuple[str, str, Any]] = []
    handler = type("Scripted", (Handler,), {"script": staticmethod(script), "seen": seen})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


RECEIPT = {"accepted": 1, "duplicates": 0, "rejected": [], "committed_seq": 7}
CLICK = Event(type="click", item_id="dress1", user_id="ann")
QUICK = Patience(attempts=4, first_wait=0.001)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("muslin.client.transport.time.sleep", found.append)
    return found


def test_busy_services_are_asked_again_when_they_say(pauses: list[float]) -> None:
    def script(number: int, *_: Any) -> Answer:
        return [(429, {"Retry-After": "3"}, {"code": "rate_limited"}), (503, {}, b"busy"), (200, {}, RECEIPT)][
            number - 1
        ]

    with service(script) as (url, seen), Client(url, patience=QUICK) as client:
        assert client.send([CLICK]).committed_seq == 7
    assert pauses[0] == 3.0
    assert 0.001 <= pauses[1] <= 0.002
    # The same event each time: what arrived twice counts once.
    assert {one[2]["events"][0]["event_id"] for one in seen} == {CLICK.event_id}
    assert len(seen) == 3


def test_patience_ends(pauses: list[float]) -> None:
    problem = {"code": "overloaded", "detail": "Too many.", "request_id": "r1"}
    with service(lambda *_: (503, {}, problem)) as (url, seen), Client(url, patience=QUICK) as client:
        with pytest.raises(ServiceError) as caught:
            client.models()
        assert (caught.value.status, caught.value.code, caught.value.request_id) == (503, "overloaded", "r1")
        assert len(seen) == 4
    with service(lambda *_: (429, {"Retry-After": "3600"}, {})) as (url, seen), Client(url) as client:
        with pytest.raises(ServiceError):
            client.models()
        assert len(seen) == 1


def test_refusals_are_final(pauses: list[float]) -> None:
    problem = {
        "code": "wrong_length",
        "detail": "Too long.",
        "errors": [{"pointer": "/user_id", "code": "wrong_length"}],
    }
    with service(lambda *_: (422, {}, problem)) as (url, seen), Client(url) as client:
        with pytest.raises(ServiceError) as caught:
            client.recommend("ann" * 100)
        assert caught.value.where == "/user_id (wrong_length)"
        assert (len(seen), pauses) == (1, [])


def test_broken_connections_are_mended(pauses: list[float]) -> None:
    with (
        service(lambda number, *_: None if number in {1, 3} else (200, {}, RECEIPT)) as (url, seen),
        Client(url, patience=QUICK) as client,
    ):
        assert [client.send([CLICK]).accepted for _ in range(2)] == [1, 1]
        assert len(seen) == 4


def test_what_must_not_be_repeated_is_not(pauses: list[float]) -> None:
    with service(lambda *_: None) as (url, seen), Client(url, patience=QUICK) as client:
        for act in (client.activate, client.roll_back):
            with pytest.raises(ServiceError) as caught:
                act("m1")
            assert (caught.value.code, caught.value.status) == ("unreachable", 0)
        assert len(seen) == 2


def test_raw_repeats_only_what_may_be_repeated(pauses: list[float]) -> None:
    methods = {"POST": 1, "GET": 4, "PUT": 4, "DELETE": 4}
    for method, times in methods.items():
        with service(lambda *_: None) as (url, seen), Client(url, patience=QUICK) as client:
            with pytest.raises(ServiceError):
                client.raw(method, "/v1/anything", {})
            assert len(seen) == times


def test_each_attempt_says_when_it_was_sent(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(1, 10))
    monkeypatch.setattr(shapes, "now", lambda: next(times))

    def script(number: int, *_: Any) -> Answer | None:
        return [None, (503, {"Retry-After": "20"}, {}), (200, {}, RECEIPT)][number - 1]

    with service(script) as (url, seen), Client(url, patience=QUICK) as client:
        client.send([CLICK])
    assert [one[2]["sent_at"] for one in seen] == [1, 2, 3]
    assert len({json.dumps(one[2]["events"]) for one in seen}) == 1


def test_nobody_there(pauses: list[float]) -> None:
    with pytest.raises(ServiceError) as caught:
        Client("http://127.0.0.1:9", patience=QUICK).ready()
    assert caught.value.code == "unreachable"


def test_answers_from_another_planet() -> None:
    for content in (b"<html>", [], {"models": 5}):
        with service(lambda *_, c=content: (200, {}, c)) as (url, _), Client(url) as client:
            with pytest.raises(ServiceError) as caught:
                client.models()
            assert caught.value.code == "unknown_answer"


def test_newer_answers_are_understood() -> None:
    with service(lambda *_: (200, {}, {**RECEIPT, "new": 1})) as (url, _), Client(url) as client:
        assert client.send([CLICK]).accepted == 1


@pytest.mark.parametrize("url", ["", "shop", "ftp://shop", "http://", "http://u:p@shop", "http://shop/?key=x"])
def test_bad_url(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Client(url)
    assert caught.value.code == "bad_url"


def test_long_lists_go_in_several_requests() -> None:
    events = [Event(type="view", item_id=f"g{n}", session_id="s") for n in range(2 * BATCH + 1)]

    def script(number: int, *_: Any) -> Answer:
        wrong = [{"index": 3, "code": "too_old", "detail": ""}] if number == 2 else []
        return 200, {}, {"accepted": 10, "duplicates": 1, "rejected": wrong, "committed_seq": number}

    with service(script) as (url, seen), Client(url) as client:
        receipt = client.send(events)
        assert [len(one[2]["events"]) for one in seen] == [BATCH, BATCH, 1]
        assert [e["item_id"] for one in seen for e in one[2]["events"]] == [e.item_id for e in events]
        assert (receipt.accepted, receipt.duplicates, receipt.committed_seq) == (30, 3, 3)
        assert [one.index for one in receipt.rejected] == [BATCH + 3]
        with pytest.raises(UsageError):
            client.send(events, atomic=True)
        assert client.send([]).accepted == 0
    large = [Event(type="view", item_id="g", session_id="s", context={"page": "x" * 20_000}) for _ in range(100)]
    parts = list(_batches(large))
    assert sum(len(part) for _, part in parts) == 100
    assert max(sum(len(bytes(one)) for one in part) for _, part in parts) < 1_000_000


def test_ids_in_paths() -> None:
    with service(lambda *_: (200, {}, {"model_version": "", "users": []})) as (url, seen), Client(url) as client:
        client.audience("a/b?c#d é:")
        assert seen[0][1] == "/v1/items/a%2Fb%3Fc%23d%20%C3%A9%3A/audience?n=20"


def test_requests_are_short() -> None:
    with service(lambda *_: (200, {}, {**EMPTY})) as (url, seen), Client(url, key="mus_x") as client:
        client.recommend("ann")
        wish = Wish(context_items=("a",), filters=Filters(in_stock=True, price=PriceRange(max=5)))
        page = client.recommend(n=3, wish=wish)
        assert client.next_page(page) is None
        assert [one[2] for one in seen] == [
            {"user_id": "ann", "n": 20},
            {"n": 3, "context_items": ["a"], "filters": {"in_stock": True, "price": {"max": 5.0}}},
        ]


EMPTY = {"recommendation_id": "r", "model_version": "m", "degraded": False, "items": []}


def test_threads_may_share_a_client() -> None:
    with service(lambda *_: (time.sleep(0.001), (200, {}, RECEIPT))[1]) as (url, seen), Client(url) as client:
        threads = [threading.Thread(target=lambda: [client.send([CLICK]) for _ in range(10)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seen) == 40


def test_shapes_are_the_services() -> None:
    """Field by field what `/openapi.json` says; a field the service gains must be added here."""
    from muslin.http.app import _BODIES, ROUTES
    from muslin.http.openapi import document

    schemas = document(ROUTES, _BODIES)["components"]["schemas"]
    names = {"Filters": "Conditions", "Wish": "RecommendationRequest"}
    for shape in vars(shapes).values():
        if isinstance(shape, type) and issubclass(shape, msgspec.Struct) and shape is not msgspec.Struct:
            theirs = set(schemas[names.get(shape.__name__, shape.__name__)]["properties"])
            theirs -= {"user_id", "n", "cursor"} if shape is shapes.Wish else set()
            assert set(msgspec.json.schema_components([shape])[1][shape.__name__]["properties"]) == theirs, shape


PATHS = {
    ("GET", "/livez"): "ready",
    ("GET", "/readyz"): "ready",
    ("GET", "/v1/erasures/{job_id}"): "erasure",
    ("GET", "/v1/items/{item_id}/audience"): "audience",
    ("POST", "/v1/imports"): "import_items",
    ("GET", "/v1/imports/{job_id}"): "import_job",
    ("GET", "/v1/imports/{job_id}/rejects"): "import_rejects",
    ("POST", "/v1/imports/{job_id}/confirm"): "confirm_import",
    ("GET", "/v1/items/{item_id}/similar"): "similar",
    ("PUT", "/v1/items"): "put_items",
    ("PATCH", "/v1/items/{item_id}"): "change_item",
    ("DELETE", "/v1/items/{item_id}"): "remove_item",
    ("PATCH", "/v1/items:stock"): "set_stock",
    ("GET", "/v1/models"): "models",
    ("GET", "/v1/users/{user_id}/export"): "export_user",
    ("DELETE", "/v1/users/{user_id}"): "erase_user",
    ("POST", "/v1/events"): "send",
    ("POST", "/v1/models"): "load_model",
    ("POST", "/v1/models/{model_id}:activate"): "activate",
    ("POST", "/v1/models/{model_id}:rollback"): "roll_back",
    ("POST", "/v1/recommendations"): "recommend",
    ("PUT", "/v1/users"): "put_users",
}
"""Route -> method of the client; a route that is missing here is one the client lacks."""


def test_every_route_has_a_method() -> None:
    from muslin.http.app import _BODIES, ROUTES
    from muslin.http.openapi import document

    paths = document(ROUTES, _BODIES)["paths"]
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == set(PATHS)
    assert all(callable(getattr(Client, name)) for name in PATHS.values())
