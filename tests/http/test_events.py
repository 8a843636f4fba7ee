"""Events over HTTP: what is taken, what is refused and how, and that the state has it."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from muslin.engine.model import Model
from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online, clock
from muslin.engine.online.rules import Rules
from muslin.http import events, following
from muslin.http.app import create_app

URL = "/v1/events"
MOMENT = int(time.time() * 1000) - 60_000
JSON = {"Content-Type": "application/json"}


def event(number: int, user: str = "ann", item: str = "scarf2", **more: Any) -> dict[str, Any]:
    return {"event_id": f"e{number}", "type": "click", "item_id": item, "user_id": user, "timestamp": MOMENT} | more


@pytest.fixture
def stateful(model: Model, tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Makes clients of services that keep a state."""
    with ExitStack() as stack:

        def make(name: str = "state") -> TestClient:
            app = create_app(model, state=tmp_path / name)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield make


@pytest.fixture(scope="module")
def shared(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client for what leaves nothing behind."""
    app = create_app(model, state=tmp_path_factory.mktemp("shared"))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_events_are_taken_once(stateful: Callable[..., TestClient]) -> None:
    client = stateful()
    first = client.post(URL, json={"events": [event(1), event(1), event(2, user_id=None, session_id="visit")]})
    assert first.status_code == 200
    assert first.json() == {
        "accepted": 2,
        "duplicates": 1,
        "rejected": [],
        "committed_seq": 2,
        "dropped": 0,
        "pending": 0,
    }


def test_gzip(stateful: Callable[..., TestClient]) -> None:
    client = stateful()
    body = gzip.compress(json.dumps({"events": [event(n) for n in range(30)]}).encode())
    answer = client.post(URL, content=body, headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.json()["accepted"] == 30
    bomb = gzip.compress(b" " * 5_000_000)
    refused = client.post(URL, content=bomb, headers=JSON | {"Content-Encoding": "gzip"})
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


def test_bad_events_are_listed_and_the_others_kept(stateful: Callable[..., TestClient]) -> None:
    answer = stateful().post(URL, json={"events": [event(1), event(2, price=-1), "x", event(3, user_id=None)]})
    assert answer.status_code == 200
    body = answer.json()
    assert body["accepted"] == 1
    assert [(bad["index"], bad.get("event_id"), bad["code"]) for bad in body["rejected"]] == [
        (1, "e2", "out_of_range"),
        (2, None, "wrong_type"),
        (3, "e3", "no_shopper"),
    ]
    assert all(bad["detail"].endswith(".") for bad in body["rejected"])


def test_all_or_none(stateful: Callable[..., TestClient]) -> None:
    client = stateful()
    refused = client.post(f"{URL}?atomic=true", json={"events": [event(1), event(2, price=-1)]})
    assert (refused.status_code, refused.json()["code"]) == (422, "events_rejected")
    assert refused.json()["errors"] == [{"pointer": "/events/1", "code": "out_of_range"}]
    assert client.post(f"{URL}?atomic=true", json={"events": [event(1)]}).json()["accepted"] == 1


def test_unknown_garments_wait(stateful: Callable[..., TestClient]) -> None:
    assert stateful().post(URL, json={"events": [event(1, item="hat1")]}).json()["pending"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({}, 422, "invalid_value", None),
        ({"events": []}, 422, "wrong_length", "/events"),
        ({"events": {}}, 422, "wrong_type", "/events"),
        ({"events": [event(n) for n in range(501)]}, 413, "too_many_events", "/events"),
        ({"events": [1], "sent_at": "yesterday"}, 422, "invalid_value", "/sent_at"),
        ({"events": [1], "sent_at": True}, 422, "wrong_type", "/sent_at"),
        ({"events": [1], "more": 1}, 422, "unknown_field", "/more"),
    ],
    ids=["no events", "none", "an object", "501", "bad clock", "bool clock", "unknown field"],
)
def test_bad_requests(shared: TestClient, body: dict[str, Any], status: int, code: str, pointer: str | None) -> None:
    answer = shared.post(URL, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if pointer:
        assert answer.json()["errors"][0]["pointer"] == pointer


def test_wrong_query(shared: TestClient) -> None:
    assert shared.post(f"{URL}?atomic=perhaps", json={"events": [event(1)]}).status_code == 422
    assert shared.post(f"{URL}?sure=1", json={"events": [event(1)]}).json()["code"] == "unknown_field"


def test_a_wrong_clock_is_corrected(stateful: Callable[..., TestClient]) -> None:
    ahead = int(time.time() * 1000) + 7_200_000
    body = {"events": [event(1, timestamp=ahead - 1000)]}
    client = stateful()
    assert client.post(URL, json=body).json()["rejected"][0]["code"] == "future_timestamp"
    assert client.post(URL, json=body | {"sent_at": ahead}).json()["accepted"] == 1


@pytest.mark.parametrize(
    ("rules", "status", "code", "wait"),
    [
        (Rules(low_disk_bytes=1 << 60), 507, "storage_full", "5"),
        (Rules(shopper_rate=1), 429, "too_fast", "60"),
    ],
    ids=["disk", "flood"],
)
def test_refusals(
    stateful: Callable[..., TestClient],
    monkeypatch: pytest.MonkeyPatch,
    rules: Rules,
    status: int,
    code: str,
    wait: str,
) -> None:
    monkeypatch.setattr(following, "Rules", lambda **_: rules)
    client = stateful()
    client.post(URL, json={"events": [event(1)]})
    refused = client.post(URL, json={"events": [event(2)]})
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (status, code, wait)
    assert client.post("/v1/recommendations", json={"user_id": "ann"}).status_code == 200


def test_profiles_are_refused_as_events_are(
    stateful: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"users": [{"user_id": "zoe", "profile": {"club": "gold"}}]}
    monkeypatch.setattr(following, "Rules", lambda **_: Rules(low_disk_bytes=1 << 60))
    client = stateful()
    full = client.put("/v1/users", json=body)
    assert (full.status_code, full.json()["code"], full.headers["retry-after"]) == (507, "storage_full", "5")
    assert "507" in client.get("/openapi.json").json()["paths"]["/v1/users"]["put"]["responses"]
    client.app.dependencies["service"].dependency().online.close()
    gone = client.delete("/v1/users/zoe")
    assert (gone.status_code, gone.json()["code"]) == (503, "not_ready")


def test_without_a_state_there_are_no_events(client: TestClient) -> None:
    refused = client.post(URL, json={"events": [event(1)]})
    assert (refused.status_code, refused.json()["code"]) == (503, "no_state")


def test_the_numbers_an_operator_sees(stateful: Callable[..., TestClient]) -> None:
    client = stateful()
    client.post(URL, json={"events": [event(1), event(1), event(2, price=-1), event(3, type="view")]})
    service = client.app.dependencies["service"].dependency()
    text = service.metrics.text()
    assert 'muslin_events_total{type="click",outcome="accepted"} 1' in text
    assert 'muslin_events_total{type="click",outcome="duplicate"} 1' in text
    assert 'muslin_events_total{type="view",outcome="accepted"} 1' in text
    assert 'muslin_quarantine_total{code="out_of_range"} 1' in text
    assert "muslin_event_commit_duration_seconds_count 1" in text
    assert service.metrics.text().count('outcome="duplicate"} 1') == 1


def test_a_profile_from_the_future_is_refused(stateful: Callable[..., TestClient]) -> None:
    client = stateful()
    times = [{"updated_at": clock() // 1000 + more} for more in (0, 60_000, 3_600_000)] + [{"updated_at": "2099-01-01"}]
    answers = [client.put("/v1/users", json={"users": [{"user_id": "zoe", "profile": {}, **at}]}) for at in times]
    assert [answer.status_code for answer in answers] == [200, 200, 422, 422]
    told = answers[2].json()
    assert (told["code"], told["errors"][0]["pointer"]) == ("invalid_value", "/users/0/updated_at")


def test_profiles_export_and_erasure(stateful: Callable[..., TestClient]) -> None:
    client = stateful()
    put = client.put(
        "/v1/users", json={"users": [{"user_id": "zoe", "profile": {"club": "gold"}, "updated_at": 1_600_000_000_000}]}
    )
    assert put.json()["kept"] == 1
    assert (
        client.put(
            "/v1/users", json={"users": [{"user_id": "zoe", "profile": None, "updated_at": 1_500_000_000_000}]}
        ).json()["stale"]
        == 1
    )
    client.post(URL, json={"events": [event(1, "zoe", value=2.5), event(2, "zoe", price=-1), event(3)]})
    export = client.get("/v1/users/zoe/export").json()
    assert (export["user_id"], export["profile"]) == ("zoe", {"club": "gold"})
    assert [(e["event_id"], e["value"]) for e in export["events"]] == [("e1", 2.5)]
    assert [bad["code"] for bad in export["rejected"]] == ["out_of_range"]
    started = client.delete("/v1/users/zoe")
    assert started.status_code == 202
    for _ in range(100):
        job = client.get(f"/v1/erasures/{started.json()['job_id']}").json()
        if job["status"] != "running":
            break
        time.sleep(0.05)
    assert (job["status"], job["events"]) == ("done", 1)
    empty = client.get("/v1/users/zoe/export").json()
    assert empty == {"user_id": "zoe", "profile": None, "events": [], "rejected": []}
    late = client.post(URL, json={"events": [event(4, "zoe")]}).json()
    assert (late["accepted"], late["dropped"]) == (0, 1)
    assert client.get("/v1/erasures/none").json()["code"] == "unknown_job"


def test_a_request_that_is_cancelled_leaves_its_events_and_the_writer(tmp_path: Path) -> None:
    async def cancelled(online: Online) -> None:
        task = asyncio.create_task(events._kept(online, events.EventsRequest([event(1)]), atomic=False))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    go = threading.Event()
    with Online.open(tmp_path / "state") as online:
        online._writer.call(lambda: go.wait(10))
        asyncio.run(cancelled(online))
        go.set()
        assert online.submit([event(2, item="shirt1")]).result(10).accepted == 1
        assert online.seen(Shopper("user", "ann")) == {"scarf2", "shirt1"}


def test_an_erasure_that_fails_is_logged(
    stateful: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = stateful()
    online = client.app.dependencies["service"].dependency().online
    monkeypatch.setattr(online, "_erased", lambda _: 1 / 0)
    job = client.delete("/v1/users/zoe").json()["job_id"]
    online.snapshot()  # after the erasure
    assert client.get(f"/v1/erasures/{job}").json()["status"] == "failed"
    line = next(line for line in capsys.readouterr().err.splitlines() if "erasure_failed" in line)
    assert (json.loads(line)["job_id"], json.loads(line)["error"]) == (job, "ZeroDivisionError")
    assert "zoe" not in line


def test_an_answer_claims_no_event_that_came_after_its_model_was_taken(
    stateful: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = stateful()
    client.post(URL, json={"events": [event(1)]})
    service = client.app.dependencies["service"].dependency()
    engine = service.served.shop.engine

    def then_an_event() -> Any:
        taken = engine()
        service.online.ingest([event(2)])
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(service.served.shop, "engine", then_an_event)
        assert client.post("/v1/recommendations", json={"user_id": "ann", "n": 2}).json()["as_of_seq"] == 1
    assert client.post("/v1/recommendations", json={"user_id": "ann", "n": 2}).json()["as_of_seq"] == 2
