"""Models: loaded beside, verified, compared, switched under load, and switched back."""

import random
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.reliability import swap, tampered
from litestar.testing import TestClient

from muslin.data.dataset import Dataset
from muslin.engine import gate
from muslin.engine.gate import Asked
from muslin.engine.model import Model
from muslin.errors import ModelError
from muslin.http.app import application
from muslin.http.body import Limits
from muslin.http.gallery import Gallery
from muslin.http.service import Service
from muslin.method import Fitted
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop

URL = "/v1/recommendations"
FIXED = {"context_items": ["g0000"], "n": 5}


@pytest.fixture(scope="module")
def town() -> Dataset:
    return tiny_shop()


@pytest.fixture(scope="module")
def fitted(town: Dataset) -> dict[str, Model]:
    return {"first": fit(town, "content_knn"), "second": fit(town, "item_knn"), "third": fit(town, "popularity")}


@pytest.fixture(scope="module")
def shelf(fitted: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, model in fitted.items():
        model.save(folder / name)
    return folder


Start = Callable[..., TestClient[Any]]


@pytest.fixture
def start(shelf: Path) -> Iterator[Start]:
    """Makes clients of services that serve the model `first` and find the others beside it."""
    opened = []

    def begin(directory: Path = shelf, state: Path | None = None, given: str = "first") -> TestClient[Any]:
        limits = Limits()
        service = Service(limits)
        gallery = Gallery(service, directory, state)
        gallery.start(shelf / given)
        client = TestClient(application(service, limits, gallery=gallery), raise_server_exceptions=False)
        opened.append(client)
        return client.__enter__()

    yield begin
    for client in opened:
        client.__exit__(None, None, None)


def states(client: TestClient[Any]) -> dict[str, str]:
    return {model["state"]: model["name"] for model in client.get("/v1/models").json()["models"]}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_load_activate_roll_back(start: Start) -> None:
    client = start()
    assert states(client) == {"active": "first"}
    (first,) = client.get("/v1/models").json()["models"]
    before = client.post(URL, json=FIXED).json()
    loaded = client.post("/v1/models", json={"name": "second", "accept_worse": True})
    assert loaded.status_code == 201
    second = loaded.json()
    assert (second["state"], second["method"], second["items"]) == ("ready", "item_knn", first["items"])
    assert second["shadow"]["requests"] > 20
    # Nothing changes for shoppers until it is activated.
    assert client.post(URL, json=FIXED).json()["items"] == before["items"]
    assert client.post(f"/v1/models/{second['model_id']}:activate").json()["state"] == "active"
    assert states(client) == {"active": "second", "previous": "first"}
    assert client.post(URL, json=FIXED).json()["model_version"] == second["model_id"]
    assert code(client.post(f"/v1/models/{second['model_id']}:activate")) == (409, "already_active")
    assert client.post(f"/v1/models/{second['model_id']}:rollback").json()["model_id"] == first["model_id"]
    after = client.post(URL, json=FIXED).json()
    assert (after["model_version"], after["items"]) == (first["model_id"], before["items"])
    assert code(client.post(f"/v1/models/{second['model_id']}:rollback")) == (409, "not_active")


def test_a_switch_that_fails_changes_nothing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client = start()
    second = client.post("/v1/models", json={"name": "second", "accept_worse": True}).json()["model_id"]
    with monkeypatch.context() as broken:
        broken.setattr(Service, "open", lambda *_: 1 / 0)
        assert code(client.post(f"/v1/models/{second}:activate")) == (500, "internal_error")
    assert states(client) == {"active": "first", "ready": "second"}
    assert code(client.post(f"/v1/models/{second}:rollback")) == (409, "not_active")
    assert client.post(f"/v1/models/{second}:activate").status_code == 200
    assert states(client) == {"active": "second", "previous": "first"}


def test_a_page_of_before_two_switches_is_stale(start: Start) -> None:
    """The garments may be in another order now, although the model is the same."""
    client = start()
    first = client.get("/v1/models").json()["models"][0]["model_id"]
    cursor = client.post(URL, json=FIXED).json()["next_cursor"]
    second = client.post("/v1/models", json={"name": "second", "accept_worse": True}).json()["model_id"]
    assert client.post(f"/v1/models/{second}:activate").status_code == 200
    assert client.post(f"/v1/models/{second}:rollback").json()["model_id"] == first
    assert code(client.post(URL, json={"cursor": cursor})) == (409, "stale_cursor")
    cursor = client.post(URL, json=FIXED).json()["next_cursor"]
    assert client.post(URL, json={"cursor": cursor}).status_code == 200


def test_refused_acts(start: Start) -> None:
    client = start()
    active = client.get("/v1/models").json()["models"][0]["model_id"]
    assert code(client.post(f"/v1/models/{active}:rollback")) == (409, "no_previous")
    assert code(client.post(f"/v1/models/{active}:explode")) == (404, "not_found")
    assert code(client.post(f"/v1/models/{active}")) == (404, "not_found")
    assert code(client.post("/v1/models/nobody:activate")) == (404, "unknown_model")
    assert code(client.post("/v1/models/nobody:rollback")) == (404, "unknown_model")


def test_names_are_no_paths(start: Start, shelf: Path) -> None:
    (shelf / "link").symlink_to(shelf / "second")
    (shelf / "file").touch()
    client = start()
    names = ["nowhere", "../models/second", ".", "..", "second/", "second\\", "/etc", "file", "link", "a\u0000", "a\n"]
    for name in names:
        assert code(client.post("/v1/models", json={"name": name})) == (404, "unknown_model")
    assert code(client.post("/v1/models", json={"name": ""})) == (422, "wrong_length")


def test_one_load_at_a_time(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client, entered, go = start(), threading.Event(), threading.Event()
    real = Model.load

    def slow(path: Path) -> Model:
        entered.set()
        assert go.wait(10)
        return real(path)

    monkeypatch.setattr(Model, "load", slow)
    answers: list[Any] = []
    body = {"name": "second", "accept_worse": True}
    thread = threading.Thread(target=lambda: answers.append(client.post("/v1/models", json=body)))
    thread.start()
    assert entered.wait(10)
    second = client.post("/v1/models", json=body)
    assert (*code(second), second.headers["retry-after"]) == (409, "load_in_progress", "5")
    assert client.post(URL, json=FIXED).status_code == 200
    go.set()
    thread.join()
    assert answers[0].status_code == 201


def test_the_next_start_serves_what_was_activated(start: Start, tmp_path: Path) -> None:
    client = start(state=tmp_path)
    second = client.post("/v1/models", json={"name": "second", "accept_worse": True}).json()["model_id"]
    client.post(f"/v1/models/{second}:activate")
    assert states(start(state=tmp_path)) == {"active": "second"}
    # Another model named at the start is meant.
    assert states(start(state=tmp_path, given="third")) == {"active": "third"}


def test_the_next_start_survives_a_damaged_model(start: Start, shelf: Path, tmp_path: Path) -> None:
    shutil.copytree(shelf, tmp_path / "copies")
    client = start(directory=tmp_path / "copies", state=tmp_path)
    second = client.post("/v1/models", json={"name": "second", "accept_worse": True}).json()["model_id"]
    client.post(f"/v1/models/{second}:activate")
    (tmp_path / "copies" / "second" / "config.toml").write_text("")
    assert states(start(directory=tmp_path / "copies", state=tmp_path)) == {"active": "first"}


# Campaign 5 ------------------------------------------------------------------------------------------------------


def witnesses(client: TestClient[Any], ids: list[str]) -> Mapping[str, swap.Witness]:
    found = {}
    for model_id in ids:
        client.post(f"/v1/models/{model_id}:activate")
        answer = client.post(URL, json=FIXED).json()
        found[answer["model_version"]] = swap.witness(answer["items"])
    return found


def swapping(start: Start) -> tuple[TestClient[Any], list[str]]:
    client = start()
    first = client.get("/v1/models").json()["models"][0]["model_id"]
    second = client.post("/v1/models", json={"name": "second", "accept_worse": True}).json()["model_id"]
    return client, [first, second]


def test_swaps_under_load(start: Start) -> None:
    client, ids = swapping(start)
    known = witnesses(client, ids[::-1])
    assert len(set(known.values())) == 2

    def ask() -> tuple[int, Any]:
        answer = client.post(URL, json=FIXED)
        return answer.status_code, answer.json()

    def act(n: int) -> int:
        return client.post(f"/v1/models/{ids[(n + 1) % 2]}:activate").status_code

    found = swap.run(ask, act, known, swaps=8, rps=60)
    assert (found.failed, found.mixed, found.swaps) == ([], [], 8)
    assert found.kept


def test_a_mixed_answer_is_caught(start: Start) -> None:
    client, ids = swapping(start)
    known = witnesses(client, ids[::-1])
    names = iter(ids * 10_000)

    def ask() -> tuple[int, Any]:
        answer = client.post(URL, json=FIXED)
        return answer.status_code, {**answer.json(), "model_version": next(names)}

    found = swap.run(ask, lambda _: client.get("/v1/models").status_code, known, swaps=5, rps=200)
    assert found.mixed
    assert not found.kept


# Campaign 6 ------------------------------------------------------------------------------------------------------


def loader(client: TestClient[Any]) -> Callable[[str], str]:
    def load(name: str) -> str:
        answer = client.post("/v1/models", json={"name": name, "accept_worse": True})
        if answer.status_code == 201:
            return ""
        assert code(answer) == (422, "model_refused")
        return str(answer.json()["errors"][0]["code"])

    return load


def test_tampered_models_are_refused(start: Start, shelf: Path, tmp_path: Path) -> None:
    client, rng = start(directory=tmp_path), random.Random(7)
    before = client.post(URL, json=FIXED).json()
    model, load = shelf / "first", loader(client)
    assert tampered.survivors(tampered.flips(model, tmp_path, rng, 20), load) == (20, [])
    assert tampered.survivors(tampered.cuts(model, tmp_path, rng, 6), load) == (6, [])
    tried, through = tampered.survivors(tampered.forgeries(model, tmp_path), load)
    assert (tried > 12, through) == (True, [])
    assert not Path("muslin-was-fooled").exists()
    after = client.post(URL, json=FIXED).json()
    assert (after["model_version"], after["items"]) == (before["model_version"], before["items"])
    shutil.copytree(model, tmp_path / "untouched")
    assert load("untouched") == ""


def test_without_the_hashes_flips_get_through(
    start: Start, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trusting(path: Path) -> dict[str, bytes]:
        return {part.name: part.read_bytes() for part in path.iterdir()}

    monkeypatch.setattr("muslin.engine.artefact._verified", trusting)
    load = loader(start(directory=tmp_path))
    flipped = tampered.flips(shelf / "first", tmp_path, random.Random(7), 30)
    assert any(not load(path.name) for _, path in flipped)  # up to the first that gets through


# The gate --------------------------------------------------------------------------------------------------------


class Scored:
    """A method whose scores are those of `inner`, changed."""

    def __init__(self, inner: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.inner, self.change, self.evidence = inner, change, inner.evidence

    def init(self, data: Any, seed: int) -> Any:
        return self.inner.init(data, seed)

    def score(self, params: Any, users: Any, items: Any) -> torch.Tensor:
        return self.change(self.inner.score(params, users, items))


def changed(model: Model, change: Callable[[torch.Tensor], torch.Tensor]) -> Model:
    return replace(model, fitted=Fitted(Scored(model.fitted.method, change), model.fitted.params))


def verdict(serving: Model, candidate: Model, *, accept_worse: bool = False) -> str:
    try:
        gate.check(serving, candidate, gate.held_out(serving), accept_worse=accept_worse)
    except ModelError as error:
        return error.code
    return ""


def test_gate(fitted: dict[str, Model]) -> None:
    good = fitted["second"]
    assert verdict(good, good) == ""
    assert verdict(good, changed(good, lambda scores: -scores)) == "shadow_worse"
    assert verdict(good, changed(good, lambda scores: -scores), accept_worse=True) == ""
    assert verdict(changed(good, lambda scores: -scores), good) == ""
    assert verdict(good, changed(good, torch.ones_like), accept_worse=True) == "shadow_constant"
    assert verdict(good, changed(good, lambda scores: scores * float("nan")), accept_worse=True) == "shadow_non_finite"
    # A model that is the same but for a little noise passes.
    assert verdict(good, changed(good, lambda scores: scores + 1e-6 * torch.rand_like(scores))) == ""


def test_requests_hold_out_the_last_garment(fitted: dict[str, Model]) -> None:
    asked = gate.held_out(fitted["first"])
    assert 20 < len(asked) <= gate.REQUESTS
    assert all(one.before and one.taken not in one.before for one in asked)


def test_garments_only_one_model_knows_are_left_out(fitted: dict[str, Model]) -> None:
    first = fitted["first"]
    known = str(first.world.catalogue.ids[0])
    asked = [
        Asked(("nope", known), str(first.world.catalogue.ids[1])),
        Asked((known,), "nope"),
        Asked(("nope",), known),
    ]
    assert gate.check(first, first, asked).requests == 1
    assert gate.check(first, first, []).requests == 0
