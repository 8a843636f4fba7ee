"""The fast variant of campaign 16, and its controls."""

from pathlib import Path

import pytest
from benchmarks.reliability.always_served import asking, empty, requests, run, sell_out
from litestar.testing import TestClient

from muslin.engine.model import Model
from muslin.http.app import create_app
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def model() -> Model:
    return fit(tiny_shop(items=30, users=40, events=150), "content_knn")


def test_a_cold_shopper_is_always_served(model: Model, tmp_path: Path) -> None:
    with TestClient(create_app(model, state=tmp_path), raise_server_exceptions=False) as client:
        ids = model.world.catalogue.ids.tolist()
        assert run(asking(client), every=13).failures == ()
        sell_out(client, ids)
        assert run(asking(client), every=17).failures == ()
        empty(client, ids)
        found = run(asking(client), every=19)
        assert found.failures == ()
        assert found.asked > 30
        answer = client.post("/v1/recommendations", json={}).json()
        assert (answer["items"], answer["fallback_reason"]) == ([], "empty_catalogue")


def test_what_should_be_caught_is() -> None:
    silent = run(lambda _: (200, {"items": []}), every=50)
    assert len(silent.failures) == silent.asked
    assert run(lambda _: (500, {}), every=50).failures[0].endswith("status 500")
    unsaid = {"items": [{"path": "fallback"}]}
    assert len(run(lambda _: (200, unsaid), every=50).failures) > 0
    assert len(list(requests())) == 4 * 5 * (1 + 8 + 28)
