"""The catalogue over HTTP: every bad row gets its code, the good ones beside it stay, and the next answer knows."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from muslin.engine.model import Model
from muslin.engine.online.online import clock
from muslin.http.app import create_app

URL = "/v1/items"
RECS = "/v1/recommendations"


def garment(item_id: str, **columns: Any) -> dict[str, Any]:
    row = {"item_id": item_id, "department": "women", "category": "dress", "colour": "red", "gender": "F"}
    return {**row, "brand": "Ada", "price": 20.0, **columns}


@pytest.fixture
def start(model: Model, tmp_path: Path) -> Iterator[Callable[[], TestClient]]:
    """Starts a service on the same state directory, after stopping the one before."""
    running: list[TestClient] = []

    def stop() -> None:
        while running:
            running.pop().__exit__(None, None, None)

    def begin() -> TestClient:
        stop()
        client = TestClient(create_app(model, state=tmp_path / "state"), raise_server_exceptions=False)
        running.append(client.__enter__())
        return running[-1]

    yield begin
    stop()


@pytest.fixture
def client(serving: Callable[[Model], TestClient], model: Model) -> TestClient:
    """A service of its own: these tests change the catalogue."""
    return serving(model)


def put(client: TestClient, *rows: Any) -> dict[str, Any]:
    answer = client.put(URL, json={"items": list(rows)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def shown(client: TestClient, **request: Any) -> list[str]:
    answer = client.post(RECS, json={"n": 100, **request})
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def refused(answer: Any, status: int, code: str, pointer: str | None = None) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert answer.headers["content-type"] == "application/problem+json"
    if pointer is not None:
        assert body["errors"] == [{"pointer": pointer, "code": code}]


def test_a_garment_posted_now_is_recommendable_in_the_next_request(client: TestClient) -> None:
    assert "new1" not in shown(client)
    answer = put(client, garment("new1"), garment("new2", colour="blue"))
    assert (answer["accepted"], answer["rejected"], answer["older"], answer["unchanged"]) == (2, [], 0, 0)
    assert {"new1", "new2"} <= set(shown(client))
    assert shown(client, context_items=["dress1"])[0] == "new1"  # as red, by the same brand, at the same price
    found = client.get("/v1/items/new1/similar", params={"n": 3}).json()["items"]
    assert found[0]["item_id"] in {"dress1", "new2"}
    audience = client.get("/v1/items/new1/audience").json()["users"]
    assert audience[0]["path"] == "cold"
    assert audience[0]["user_id"] in {"ann", "cat", "dan"}


def test_filters_know_new_values_and_stocks(client: TestClient) -> None:
    put(client, garment("cape", category="cape", brand="Zed", sizes=["S"], stock=2))
    for filters in ({"categories": ["cape"]}, {"brands": ["Zed"]}, {"sizes": ["S"], "brands": ["Zed"]}):
        answer = client.post(RECS, json={"filters": filters}).json()
        assert [item["item_id"] for item in answer["items"]] == ["cape"]
        assert "warnings" not in answer
    stock = client.patch(f"{URL}:stock", json={"items": [{"item_id": "cape", "stock": 0}]})
    assert (stock.status_code, stock.json()["accepted"]) == (200, 1)
    assert "cape" not in shown(client, filters={"in_stock": True})
    assert "cape" in shown(client)


def test_patch_changes_some_columns(client: TestClient) -> None:
    put(client, garment("new1"))
    answer = client.patch(f"{URL}/new1", json={"price": 99.0, "brand": None})
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert "new1" in shown(client, filters={"price": {"min": 98, "max": 100}, "categories": ["dress"]})
    assert "new1" not in shown(client, filters={"brands": ["Ada"]})
    refused(client.patch(f"{URL}/nobody", json={"price": 5.0}), 404, "unknown_item")
    refused(client.patch(f"{URL}/new1", json={"price": 0}), 422, "garment_refused")
    refused(client.patch(f"{URL}/new1", json={"item_id": "other"}), 422, "unknown_field", "/item_id")
    assert client.patch(f"{URL}/dress1", json={"price": 98.5}).json()["accepted"] == 1
    assert "dress1" in shown(client, filters={"price": {"min": 98, "max": 100}})


def test_a_garment_that_left_is_shown_nowhere_and_comes_back(client: TestClient) -> None:
    assert client.delete(f"{URL}/dress9").json()["accepted"] == 1
    assert "dress9" not in shown(client)
    assert "dress9" not in [i["item_id"] for i in client.get(f"{URL}/dress1/similar").json()["items"]]
    refused(client.get(f"{URL}/dress9/audience"), 404, "unknown_item")
    refused(client.get(f"{URL}/dress9/similar"), 404, "unknown_item")
    refused(client.patch(f"{URL}/dress9", json={"price": 5.0}), 404, "unknown_item")
    refused(client.delete(f"{URL}/never"), 404, "unknown_item")
    assert client.delete(f"{URL}/dress9").status_code == 200
    put(client, garment("dress9"))
    assert "dress9" in shown(client)


ROWS: list[tuple[str, Any, str]] = [
    ("empty id", {"item_id": ""}, "empty_id"),
    ("spaced id", {"item_id": "a b"}, "bad_id"),
    ("slashed id", {"item_id": "a/b"}, "bad_id"),
    ("back slash", {"item_id": "a\\b"}, "bad_id"),
    ("NUL in id", {"item_id": "a\x00"}, "bad_id"),
    ("long id", {"item_id": "a" * 257}, "long_id"),
    ("no id", {"item_id": None}, "missing_id"),
    ("number for id", {"item_id": 7}, "wrong_type"),
    ("price 19,99 €", {"price": "19,99 €"}, "bad_price"),
    ("price 0", {"price": 0}, "bad_price"),
    ("price 10⁹", {"price": 10**9}, "bad_price"),
    ("stock -3", {"stock": -3}, "bad_stock"),
    ("stock 1.5", {"stock": 1.5}, "bad_stock"),
    ("unknown column", {"colr": "red"}, "unknown_column"),
    ("number for text", {"colour": 5}, "wrong_type"),
    ("bool for number", {"price": True}, "bad_price"),
    ("object for text", {"colour": {"a": 1}}, "wrong_type"),
    ("category path of 11", {"category_path": list("abcdefghijk")}, "deep_category"),
    ("category in a circle", {"category_path": ["women", "dress", "women"]}, "category_cycle"),
    ("updated_at in words", {"updated_at": "now"}, "bad_time"),
    ("updated_at in 2099", {"updated_at": "2099-01-01T00:00:00Z"}, "future_time"),
]


@pytest.mark.parametrize(("columns", "code"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_bad_row_is_set_aside_and_the_good_ones_beside_it_are_kept(client: TestClient, columns, code) -> None:
    answer = put(client, garment("good1"), {**garment("bad"), **columns}, garment("good2"))
    assert [(r["index"], r["code"]) for r in answer["rejected"]] == [(1, code)]
    assert answer["accepted"] == 2
    assert {"good1", "good2"} <= set(shown(client))
    assert "bad" not in shown(client)


@pytest.mark.parametrize("row", [None, 5, "x", [], ["item_id"]])
def test_a_row_that_is_no_object(client: TestClient, row: Any) -> None:
    answer = put(client, garment("good1"), row)
    assert [(r["index"], r["code"]) for r in answer["rejected"]] == [(1, "wrong_type")]


def test_duplicates_ties_and_case(client: TestClient) -> None:
    one, two = "2023-01-01T00:00:01Z", "2023-01-01T00:00:02Z"
    rows = [
        garment("a", price=1.0, updated_at=one),
        garment("a", price=2.0, updated_at=two),
        garment("b", price=1.0, updated_at=one),
        garment("b", price=2.0, updated_at=one),
        garment("Dress1"),
    ]
    answer = put(client, *rows)
    assert [(r["index"], r["code"]) for r in answer["rejected"]] == [(2, "duplicate_id"), (3, "duplicate_id")]
    assert answer["accepted"] == 2
    assert "case_twins" in [w["code"] for w in answer["warnings"]]
    assert {"dress1", "Dress1", "a"} <= set(shown(client))
    assert put(client, garment("a", price=1.0, updated_at=one))["older"] == 1
    assert put(client, garment("a", price=2.0, updated_at=two))["unchanged"] == 1
    assert "a" in shown(client, filters={"price": {"min": 2, "max": 2}})


def test_an_unknown_value_loads_as_unknown_with_a_warning(client: TestClient) -> None:
    answer = put(client, garment("x", colour="octarine"))
    assert answer["accepted"] == 1
    assert [(w["code"], w["index"], w["field"]) for w in answer["warnings"]] == [("unknown_value", 0, "colour")]


COUNT = {"item_id": "a", "stock": 1}
WHOLE: list[tuple[str, str, str, Any, int, str, str | None]] = [
    ("501 garments", "PUT", URL, {"items": [garment(str(n)) for n in range(501)]}, 413, "too_many_items", "/items"),
    ("no garments", "PUT", URL, {"items": []}, 422, "wrong_length", "/items"),
    ("no list", "PUT", URL, {"items": {}}, 422, "wrong_type", "/items"),
    ("unknown field", "PUT", URL, {"items": [garment("a")], "mode": 1}, 422, "unknown_field", "/mode"),
    ("list for a body", "PUT", URL, [garment("a")], 422, "wrong_type", ""),
    ("1e999", "PUT", URL, None, 422, "out_of_range", "/items/0/price"),
    ("NaN", "PUT", URL, None, 400, "non_finite", None),
    ("lone surrogate", "PUT", URL, None, 422, "bad_characters", "/items/0/item_id"),
    ("a megabyte of title", "PUT", URL, {"items": [garment("a", colour="x" * 1_000_000)]}, 413, "body_too_large", None),
    ("patch with a list", "PATCH", f"{URL}/dress1", [], 422, "wrong_type", ""),
    (
        "501 stocks",
        "PATCH",
        f"{URL}:stock",
        {"items": [{"item_id": "a", "stock": 1}] * 501},
        413,
        "too_many_items",
        None,
    ),
    ("stock -3", "PATCH", f"{URL}:stock", {"items": [{"item_id": "a", "stock": -3}]}, 422, "out_of_range", None),
    ("stock 1.5", "PATCH", f"{URL}:stock", {"items": [{"item_id": "a", "stock": 1.5}]}, 422, "wrong_type", None),
    ("stock text", "PATCH", f"{URL}:stock", {"items": [{"item_id": "a", "stock": "1"}]}, 422, "wrong_type", None),
    (
        "stock of 2099",
        "PATCH",
        f"{URL}:stock",
        {"items": [{"item_id": "a", "stock": 1, "updated_at": "2099-01-01T00:00:00Z"}]},
        422,
        "invalid_value",
        "/items/0/updated_at",
    ),
]
RAW = {
    "1e999": b'{"items": [{"item_id": "a", "price": 1e999}]}',
    "NaN": b'{"items": [{"item_id": "a", "price": NaN}]}',
    "lone surrogate": b'{"items": [{"item_id": "\\ud800"}]}',
}


@pytest.mark.parametrize(
    ("name", "method", "url", "body", "status", "code", "pointer"), WHOLE, ids=[r[0] for r in WHOLE]
)
def test_what_is_wrong_with_a_request_as_a_whole(
    client: TestClient, name, method, url, body, status, code, pointer
) -> None:
    if name in RAW:
        answer = client.request(method, url, content=RAW[name], headers={"Content-Type": "application/json"})
    else:
        answer = client.request(method, url, json=body)
    refused(answer, status, code, pointer)
    assert "a" not in shown(client)


def test_a_restart_keeps_the_catalogue(start: Callable[[], TestClient]) -> None:
    client = start()
    answer = put(client, garment("new1"), garment("new2"), garment("dress1", price=77.0))
    assert answer["committed_seq"] > 0
    client.delete(f"{URL}/new2")
    client.delete(f"{URL}/scarf1")
    client.patch(f"{URL}:stock", json={"items": [{"item_id": "new1", "stock": 0}]})
    before = shown(client, user_id="bob", explore=False)
    again = start()
    assert shown(again, user_id="bob", explore=False) == before
    assert "new1" in before
    assert not {"new2", "scarf1"} & set(before)
    assert "new1" not in shown(again, explore=False, filters={"in_stock": True})
    assert "dress1" in shown(again, explore=False, filters={"price": {"min": 77, "max": 77}})
    assert put(again, garment("new1"))["accepted"] == 1


def test_refused_rows_are_set_aside_as_they_were_sent(
    start: Callable[[], TestClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start()
    for n in range(3):
        put(client, garment("good"), garment(f"bad{n}", price="19,99 €"))
    kept = (tmp_path / "state" / "rejected_items.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(kept) == 3
    row = json.loads(kept[2])
    assert (row["index"], row["code"]) == (1, "bad_price")
    assert json.loads(row["raw"])["item_id"] == "bad2"
    monkeypatch.setattr("muslin.engine.assortment.aside.LARGEST", 10)
    put(client, garment("bad3", price=0))
    assert len((tmp_path / "state" / "rejected_items.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    assert (tmp_path / "state" / "rejected_items.jsonl.1").exists()


def test_answers_are_logged_with_their_propensities(start: Callable[[], TestClient]) -> None:
    client = start()
    put(client, *(garment(f"new{n}", category="cape") for n in range(6)))
    answer = client.post(RECS, json={"user_id": "bob", "n": 6, "explain": True}).json()
    assert answer["as_of_seq"] > 0
    drawn = [item for item in answer["items"] if item["explored"]]
    assert len(drawn) == 1
    assert all(0 < item["propensity"] <= 1 for item in answer["items"])
    assert all(any(r["kind"] == "new" for r in item["reasons"]) for item in drawn)
    ledger = client.app.dependencies["service"].dependency().ledger
    ledger.flush()
    found = ledger.find(answer["recommendation_id"])
    assert found is not None
    assert [(s.item_id, s.explored) for s in found.items] == [(i["item_id"], i["explored"]) for i in answer["items"]]
    assert [s.propensity for s in found.items] == pytest.approx([i["propensity"] for i in answer["items"]])


def test_events_adapt_the_next_answer(start: Callable[[], TestClient]) -> None:
    client = start()
    stranger = client.post(RECS, json={"session_id": "s1", "explore": False}).json()
    assert stranger["fallback_reason"] == "unknown_session"
    event = {"event_id": "e1", "type": "click", "session_id": "s1", "item_id": "shirt1"}
    sent = client.post("/v1/events", json={"events": [{**event, "timestamp": clock() // 1000}]}).json()
    assert sent["accepted"] == 1
    answer = client.post(
        RECS, json={"session_id": "s1", "explore": False, "min_seq": sent["committed_seq"], "explain": True}
    ).json()
    assert "fallback_reason" not in answer
    assert answer["as_of_seq"] >= sent["committed_seq"]
    assert answer["degraded"] is False
    assert answer["items"][0]["item_id"] == "shirt2"
    assert answer["items"][0]["reasons"][0]["item_id"] == "shirt1"
    assert "shirt1" not in [item["item_id"] for item in answer["items"]]
    late = client.post(RECS, json={"session_id": "s1", "min_seq": sent["committed_seq"] + 1000}).json()
    assert late["degraded"] is True


def test_pages_go_on_where_they_stopped(client: TestClient) -> None:
    put(client, *(garment(f"new{n}", price=5.0 + n) for n in range(30)))
    whole = shown(client, user_id="bob")
    first = client.post(RECS, json={"user_id": "bob", "n": 7}).json()
    pages = [first]
    # What happens between the pages moves nothing; what leaves is left out.
    put(client, garment("late", colour="blue"))
    gone = whole[12]
    client.delete(f"{URL}/{gone}")
    while "next_cursor" in pages[-1]:
        answer = client.post(RECS, json={"cursor": pages[-1]["next_cursor"], "n": 7})
        assert answer.status_code == 200
        pages.append(answer.json())
    read = [item["item_id"] for page in pages for item in page["items"]]
    assert read == [item for item in whole if item != gone]
    assert {page["recommendation_id"] for page in pages} == {first["recommendation_id"]}


def test_forged_and_stale_cursors(client: TestClient) -> None:
    cursor = client.post(RECS, json={"n": 2}).json()["next_cursor"]
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for bad in (flipped, cursor[4:], "AAAA", "!", cursor + "AAAA", "ü"):
        refused(client.post(RECS, json={"cursor": bad}), 400, "bad_cursor", "/cursor")
    service = client.app.dependencies["service"].dependency()
    service.pages._lists.clear()
    refused(client.post(RECS, json={"cursor": cursor}), 409, "stale_cursor", "/cursor")
