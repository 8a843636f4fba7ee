"""Shoppers for a garment."""

import time
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from muslin.engine.model import Model
from muslin.http.app import create_app


def test_new_garment(client: TestClient, model: Model) -> None:
    answer = client.get("/v1/items/dress9/audience")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"model_version", "users"}
    expected = model.recommend_to_items("dress9", 20)
    assert [user["user_id"] for user in body["users"]] == expected["user_id"].to_list()
    assert body["users"][0] == {
        "user_id": "ann",
        "rank": 1,
        "score": expected["score"][0],
        "path": "cold",
    }
    assert {user["path"] for user in body["users"]} == {"cold"}


def test_known_garment_is_not_shown_to_who_has_it(client: TestClient) -> None:
    users = client.get("/v1/items/dress1/audience").json()["users"]
    assert {user["user_id"] for user in users} == {"bob", "eve"}
    assert {user["path"] for user in users} == {"hot"}


def test_n(client: TestClient) -> None:
    assert len(client.get("/v1/items/dress9/audience?n=2").json()["users"]) == 2
    assert len(client.get("/v1/items/dress9/audience", params={"n": 100}).json()["users"]) == 5


@pytest.mark.parametrize(
    "item", ["nope", "DRESS9", "%00", "%0A", "%ff", "a%20b", "..%00", "x" * 5000, "🧥", "dress9%E2%80%8B"]
)
def test_unknown_item(client: TestClient, item: str) -> None:
    answer = client.get(f"/v1/items/{item}/audience")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_item")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "nope" not in answer.text


def test_an_empty_item_is_no_address(client: TestClient) -> None:
    answer = client.get("/v1/items//audience")
    assert (answer.status_code, answer.json()["code"]) in {(404, "not_found"), (405, "method_not_allowed")}


@pytest.mark.parametrize("item", ["a%2Fb", "a/b", "..", "../../etc/passwd"])
def test_no_such_address(client: TestClient, item: str) -> None:
    answer = client.get(f"/v1/items/{item}/audience")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


QUERIES: list[tuple[str, str, str]] = [
    ("n=0", "invalid_value", "/query/n"),
    ("n=-1", "invalid_value", "/query/n"),
    ("n=101", "invalid_value", "/query/n"),
    ("n=1000000000", "invalid_value", "/query/n"),
    ("n=" + "9" * 5000, "invalid_value", "/query/n"),
    ("n=x", "invalid_value", "/query/n"),
    ("n=5.5", "invalid_value", "/query/n"),
    ("n=", "invalid_value", "/query/n"),
    ("n=true", "invalid_value", "/query/n"),
    ("n=NaN", "invalid_value", "/query/n"),
    ("n=%D9%A3", "invalid_value", "/query/n"),
    ("n=%ff", "invalid_value", "/query/n"),
    ("n=2&n=3", "repeated_parameter", "/query/n"),
    ("m=2", "unknown_field", "/query/m"),
    ("n=2&<b>=2", "unknown_field", "/query"),
]


@pytest.mark.parametrize(("query", "code", "pointer"), QUERIES)
def test_bad_query(client: TestClient, query: str, code: str, pointer: str) -> None:
    answer = client.get(f"/v1/items/dress9/audience?{query}")
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (422, code)
    assert body["errors"] == [{"pointer": pointer, "code": code}]


def test_who_took_it_since_the_model_was_fitted_is_not_asked_again(model: Model, tmp_path: Path) -> None:
    with TestClient(create_app(model, state=tmp_path / "state")) as client:
        asked = [user["user_id"] for user in client.get("/v1/items/dress9/audience?n=2").json()["users"]]
        moment = int(time.time() * 1000) - 60_000
        event = {"event_id": "e1", "type": "purchase", "item_id": "dress9", "user_id": asked[0], "timestamp": moment}
        assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
        users = client.get("/v1/items/dress9/audience?n=2").json()["users"]
    assert [user["rank"] for user in users] == [1, 2]
    assert users[0]["user_id"] == asked[1]
    assert asked[0] not in {user["user_id"] for user in users}
