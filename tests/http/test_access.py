"""Keys at the door: every route, every kind of key, browsers, revocation, and rates."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from benchmarks.reliability.access_matrix import ROWS, Keys, bearer, failures
from litestar import Litestar, get
from litestar.testing import TestClient

from muslin.engine import key_file
from muslin.engine.key_file import Watched
from muslin.engine.keys import SCOPES
from muslin.engine.metrics import Metrics
from muslin.engine.model import Model
from muslin.http.access import require_scopes
from muslin.http.app import create_app
from muslin.http.problems import ProblemError
from muslin.http.rates import Rate, Rates

PAGE = "https://shop.example"
URL = "/v1/recommendations"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def keys(state: Path) -> Keys:
    texts = {scope: key_file.create(state, scope.replace(":", "-"), [scope], []).text for scope in SCOPES}
    ended = key_file.create(state, "ended", list(SCOPES), [])
    key_file.revoke(state, ended.key.kid)
    return Keys(texts, ended.text)


@pytest.fixture(scope="module")
def browser(state: Path) -> str:
    return key_file.create(state, "web", ["events:write"], [PAGE]).text


@pytest.fixture(scope="module")
def locked(model: Model, state: Path, keys: Keys, browser: str) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(model, keys=Watched(state)), raise_server_exceptions=False) as client:
        yield client


def asked(client: TestClient[Litestar]) -> Callable[[str, str, Mapping[str, str]], int]:
    def ask(method: str, url: str, headers: Mapping[str, str]) -> int:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        return client.request(method, url, headers=raw).status_code

    return ask


def document(client: TestClient[Litestar]) -> dict[str, Any]:
    return dict(client.get("/openapi.json").json())


def test_every_route_with_every_key(locked: TestClient[Litestar], keys: Keys) -> None:
    assert list(failures(document(locked), asked(locked), keys)) == []


def test_an_open_door_is_caught(client: TestClient[Litestar], keys: Keys) -> None:
    found = list(failures(document(client), asked(client), keys))
    for method, path in (row for row, scope in ROWS.items() if scope):
        assert any(line.startswith(f"{method} {path}, no key: ") for line in found)


def test_a_wrong_scope_is_caught(locked: TestClient[Litestar], keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROWS, ("POST", URL), "models:admin")
    found = list(failures(document(locked), asked(locked), keys))
    assert any("scope recs:read: " in line for line in found)
    assert any("the document asks" in line for line in found)


def test_a_new_route_needs_a_row(locked: TestClient[Litestar], keys: Keys) -> None:
    more = document(locked)
    more["paths"]["/v1/new"] = {"get": {"security": []}}
    assert "GET /v1/new: no row for this route" in list(failures(more, asked(locked), keys))


def test_a_route_must_say_who_may_use_it() -> None:
    @get("/silent")
    async def silent() -> None: ...

    @get("/misspelt", opt={"scope": "recs:raed"})
    async def misspelt() -> None: ...

    for route in (silent, misspelt):
        with pytest.raises(ValueError, match="need a scope"):
            require_scopes([route])


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "missing_key"),
        ({"Authorization": ""}, 401, "unknown_key"),
        ({"Authorization": "Bearer"}, 401, "unknown_key"),
        ({"Authorization": "Bearer mus_x"}, 401, "unknown_key"),
    ],
)
def test_refusals(locked: TestClient[Litestar], headers: dict[str, str], status: int, code: str) -> None:
    answer = locked.post(URL, json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_two_keys_at_once_are_none(locked: TestClient[Litestar], keys: Keys) -> None:
    text = f"Bearer {keys.of_scope['recs:read']}"
    answer = locked.post(URL, json={}, headers=[("Authorization", text), ("Authorization", text)])
    assert answer.status_code == 401


def test_a_key_is_checked_before_the_body_is_read(locked: TestClient[Litestar]) -> None:
    assert locked.post(URL, content=b"{" * 2_000_000, headers={"Content-Type": "text/plain"}).status_code == 401


def test_a_key_never_comes_back_nor_into_the_log(
    locked: TestClient[Litestar], keys: Keys, capfd: pytest.CaptureFixture[str]
) -> None:
    text = keys.of_scope["items:write"]
    answers = [
        locked.post(URL, json={}, headers=bearer(text)),
        locked.post(f"{URL}?key={text}", json={}),
        locked.get(f"/{text}"),
    ]
    assert [answer.status_code for answer in answers] == [403, 401, 404]
    log = capfd.readouterr().err
    assert json.loads(log.splitlines()[0])["key"] == text.split("_")[1]
    assert text.split("_", 2)[2] not in log + "".join(answer.text + str(answer.headers) for answer in answers)


def test_revocation_reaches_a_running_service(model: Model, tmp_path: Path) -> None:
    time = [0.0]
    made = key_file.create(tmp_path, "one", ["recs:read"], [])
    watched = Watched(tmp_path, lambda: time[0])
    with TestClient(create_app(model, keys=watched)) as client:

        def status(text: str) -> int:
            return client.post(URL, json={}, headers=bearer(text)).status_code

        assert status(made.text) == 200
        key_file.revoke(tmp_path, made.key.kid)
        time[0] += 1
        assert status(made.text) == 401
        second = key_file.create(tmp_path, "two", ["recs:read"], [])
        time[0] += 1
        assert status(second.text) == 200
        # A file that is gone or damaged opens nothing.
        for damage in (lambda file: file.write_text("{"), lambda file: file.unlink()):
            damage(tmp_path / key_file.FILE)
            time[0] += 1
            assert status(second.text) == 401
            assert client.post(URL, json={}).status_code == 401


def test_browsers_hear_what_they_need(locked: TestClient[Litestar]) -> None:
    for page, told in ((PAGE, PAGE), ("https://evil.example", None), (f"{PAGE}.evil.example", None), ("null", None)):
        answer = locked.options("/v1/events", headers={"Origin": page, "Access-Control-Request-Method": "POST"})
        assert answer.headers.get("access-control-allow-origin") == told
        elsewhere = locked.options(URL, headers={"Origin": page, "Access-Control-Request-Method": "POST"})
        assert "access-control-allow-origin" not in elsewhere.headers


def rates(burst: float, per_second: float) -> tuple[Rates, list[float], Metrics]:
    metrics, time = Metrics(), [100.0]
    rate = Rate(per_second=per_second, burst=burst)
    made = Rates(metrics, server=rate, browser=rate)
    made._clock = lambda: time[0]
    return made, time, metrics


def test_a_bucket_holds_a_burst_and_refills() -> None:
    made, time, metrics = rates(3, 0.5)
    for _ in range(3):
        made.take("a", "")
    with pytest.raises(ProblemError) as caught:
        made.take("a", "")
    assert (caught.value.code, caught.value.headers) == ("rate_limited", {"Retry-After": "2"})
    made.take("b", "")
    made.take("a", "10.0.0.1")
    time[0] += 2
    made.take("a", "")
    with pytest.raises(ProblemError):
        made.take("a", "")
    time[0] += 1000
    for _ in range(3):
        made.take("a", "")
    with pytest.raises(ProblemError):
        made.take("a", "")
    assert metrics.value("requests_shed_total", "rate_limited") == 3


def test_waiting_as_long_as_told_is_enough() -> None:
    made, time, _ = rates(1, 0.3)
    for _ in range(20):
        made.take("a", "")
        with pytest.raises(ProblemError) as caught:
            made.take("a", "")
        time[0] += int(caught.value.headers["Retry-After"])


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muslin.http.rates.MOST_BUCKETS", 5)
    made, _, _ = rates(1, 1)
    for n in range(100):
        made.take("web", f"10.0.0.{n}")
    assert len(made._held) == 5


def test_too_many_requests(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = key_file.create(tmp_path, "one", ["recs:read"], []).text
    app = create_app(model, keys=Watched(tmp_path))
    app.state.access._rates._server = Rate(per_second=0.001, burst=2)
    with TestClient(app) as client:
        answers = [client.post(URL, json={}, headers=bearer(text)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["code"] == "rate_limited"
        assert int(answers[2].headers["retry-after"]) > 900
