"""What all routes share: health, refusals, headers, and the API's description of itself."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient

from muslin.engine.model import Model
from muslin.http.app import application, create_app
from muslin.http.body import Limits
from muslin.http.problems import CODES
from muslin.http.service import Service, proved


def test_health(client: TestClient) -> None:
    for url in ("/livez", "/readyz"):
        answer = client.get(url)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_not_ready_until_a_model_is_opened(model: Model) -> None:
    limits = Limits()
    service = Service(limits)
    with TestClient(application(service, limits)) as client:
        assert client.get("/livez").status_code == 200
        for answer in (
            client.get("/readyz"),
            client.post("/v1/recommendations", json={}),
            client.get("/v1/items/dress1/audience"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
            assert answer.headers["retry-after"] == "1"
        service.open(proved(model))
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/recommendations", json={}).status_code == 200


@pytest.mark.parametrize("url", ["/", "/nope", "/v1", "/schema", "/docs/x", "/metrics"])
def test_unknown_route(client: TestClient, url: str) -> None:
    answer = client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("GET", "/v1/recommendations", "POST"),
        ("DELETE", "/v1/recommendations", "POST"),
        ("POST", "/v1/items/dress1/audience", "GET"),
        ("PUT", "/livez", "GET"),
        ("FOO", "/readyz", "GET"),
        ("PATCH", "/openapi.json", "GET"),
    ],
)
def test_method_not_allowed(client: TestClient, method: str, url: str, allowed: str) -> None:
    answer = client.request(method, url)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {allowed, "OPTIONS"}


def answers(client: TestClient) -> Iterator[Any]:
    yield client.get("/livez")
    yield client.get("/readyz")
    yield client.get("/docs")
    yield client.get("/openapi.json")
    yield client.get("/nope")
    yield client.put("/livez")
    yield client.post("/v1/recommendations", json={})
    yield client.post("/v1/recommendations", json={"n": 0})
    yield client.get("/v1/items/dress1/audience")
    yield client.options("/livez")


def test_every_answer_has_its_id_and_is_safe_to_show(client: TestClient) -> None:
    ids = set()
    for answer in answers(client):
        ids.add(str(UUID(answer.headers["x-request-id"])))
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
    assert len(ids) == len(list(answers(client)))


def test_a_request_id_from_outside_is_not_taken_over(client: TestClient) -> None:
    assert client.get("/livez", headers={"X-Request-ID": "mine"}).headers["x-request-id"] != "mine"


def test_problem_fields(client: TestClient) -> None:
    body = client.get("/nope").json()
    request = body.pop("request_id")
    assert body == {
        "type": "urn:muslin:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "instance": f"urn:uuid:{request}",
        "code": "not_found",
    }


def test_a_fault_of_ours_is_logged_and_not_told(
    model: Model, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("s3cr3t")

    with TestClient(create_app(model), raise_server_exceptions=False) as client:
        monkeypatch.setattr(Model, "recommend_to_items", fail)
        answer = client.get("/v1/items/dress1/audience")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    log = capfd.readouterr().err
    assert answer.json()["request_id"] in log
    assert "RuntimeError" in log
    assert "s3cr3t" not in answer.text + log


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_openapi(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1.")
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == {
        ("/v1/events", "post"),
        ("/v1/users", "put"),
        ("/v1/users/{user_id}", "delete"),
        ("/v1/users/{user_id}/export", "get"),
        ("/v1/erasures/{job_id}", "get"),
        ("/v1/recommendations", "post"),
        ("/v1/items", "put"),
        ("/v1/items/{item_id}", "patch"),
        ("/v1/items/{item_id}", "delete"),
        ("/v1/items:stock", "patch"),
        ("/v1/items/{item_id}/audience", "get"),
        ("/v1/items/{item_id}/similar", "get"),
        ("/v1/imports", "post"),
        ("/v1/imports/{job_id}", "get"),
        ("/v1/imports/{job_id}/rejects", "get"),
        ("/v1/imports/{job_id}/confirm", "post"),
        ("/v1/models", "get"),
        ("/v1/models", "post"),
        ("/v1/models/{model_id}:activate", "post"),
        ("/v1/models/{model_id}:rollback", "post"),
        ("/livez", "get"),
        ("/readyz", "get"),
    }
    found = set(references(document))
    assert found
    for reference in found:
        part = document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]
    assert "service" not in str(document["paths"])


def test_openapi_states_the_bounds(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    request = schemas["RecommendationRequest"]
    assert request["additionalProperties"] is False
    assert request["properties"]["n"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    context = request["properties"]["context_items"]
    assert (context["maxItems"], context["items"]["maxLength"]) == (50, 256)
    assert schemas["Conditions"]["properties"]["exclude_items"]["maxItems"] == 1000


def test_openapi_lists_every_status(client: TestClient) -> None:
    responses = client.get("/openapi.json").json()["paths"]["/v1/recommendations"]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "403", "408", "409", "413", "415", "422", "429", "431", "500", "503"}
    told = {code for status in responses for code in responses[status]["description"].split(", ")}
    elsewhere = {
        "bad_request", "not_found", "unknown_item", "method_not_allowed", "invalid_value",
        "repeated_parameter", "unknown_model", "already_active", "load_in_progress", "model_refused", "no_previous",
        "not_active", "slow_headers", "events_rejected", "no_state", "storage_full", "too_fast", "too_many_events",
        "unknown_job", "too_many_items", "garment_refused", "file_too_large", "unsupported_file", "wrong_checksum",
        "not_held",
    }  # fmt: skip
    assert set(CODES) - told == elsewhere
    for status in set(responses) - {"200"}:
        assert set(responses[status]["content"]) == {"application/problem+json"}


class Tags(HTMLParser):
    """Collects tags and everything they point to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in {"href", "src"}:
                self.links.add(value or "")
            if name == "id":
                self.ids.add(value or "")


def test_docs_page_needs_no_network(client: TestClient) -> None:
    answer = client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Tags()
    page.feed(answer.text)
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert all(link == "/openapi.json" or link.removeprefix("#") in page.ids for link in page.links)
    assert not re.search(r"https?://|//cdn", answer.text)
    for word in ("POST /v1/recommendations", "/v1/items/{item_id}/audience", "context_items", "min_above_max"):
        assert word in answer.text


def test_docs_page_style_is_allowed_by_its_policy(client: TestClient) -> None:
    import base64
    import hashlib

    answer = client.get("/docs")
    style = re.search(r"<style>(.*?)</style>", answer.text)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_importing_the_service_stays_light() -> None:
    code = (
        "import sys, muslin.http, muslin.http.serve, muslin.http.app;"
        "print({'pandera', 'altair', 'vl_convert', 'implicit'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
    code = "import sys, muslin.http; print('litestar' in sys.modules, 'torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]
