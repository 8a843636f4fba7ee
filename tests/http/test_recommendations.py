"""Answers to good requests: who gets what, on which path, and what is said beside."""

import re
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from muslin.data.dataset import Dataset
from muslin.engine.model import Model
from muslin.features.space import encode
from muslin.method import Fitted
from muslin.recipes.fit import fit

URL = "/v1/recommendations"
POPULAR = ["dress1", "scarf1"]


def ask(client: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(URL, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def paths(answer: dict[str, Any]) -> dict[str, str]:
    return {item["item_id"]: item["path"] for item in answer["items"]}


def test_shape(client: TestClient) -> None:
    answer = ask(client, {"user_id": "ann", "n": 3})
    assert set(answer) == {"recommendation_id", "model_version", "degraded", "items", "next_cursor"}
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3]
    fields = {"item_id", "rank", "score", "probability", "path", "explored"}
    assert all(set(item) == fields for item in answer["items"])
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["degraded"] is False
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", answer["recommendation_id"])
    assert answer["model_version"].startswith("content_knn-")


def test_known_shopper(client: TestClient, model: Model) -> None:
    answer = ask(client, {"user_id": "ann"})
    expected = model.recommend("ann", 20)
    assert ids(answer) == expected["item_id"].to_list()
    assert [item["score"] for item in answer["items"]] == expected["score"].to_list()
    assert paths(answer) == {"dress9": "cold", "shirt9": "cold", "shirt1": "hot", "shirt2": "hot", "scarf2": "hot"}


def test_unknown_shopper(client: TestClient) -> None:
    answer = ask(client, {"user_id": "zoe"})
    assert answer["fallback_reason"] == "unknown_user"
    assert ids(answer)[0] == "dress1"
    assert len(answer["items"]) == 8
    assert set(paths(answer).values()) == {"fallback"}


def test_nobody(client: TestClient) -> None:
    assert ask(client, {})["fallback_reason"] == "anonymous"
    assert ask(client, {"session_id": "visit-1"})["fallback_reason"] == "unknown_session"
    # A session is never a shopper, even if one has its name.
    assert ask(client, {"session_id": "ann"})["fallback_reason"] == "unknown_session"


def test_null_is_the_same_as_absent(client: TestClient) -> None:
    body = {"user_id": None, "session_id": None, "domain": None, "filters": {"price": None}}
    assert ids(ask(client, body)) == ids(ask(client, {}))


def test_shopper_with_a_profile_only(client: TestClient) -> None:
    answer = ask(client, {"user_id": "fay"})
    # content_knn reads histories, not profiles: for it she is a stranger.
    assert answer["fallback_reason"] == "no_history"
    assert set(paths(answer).values()) == {"fallback"}


def test_shopper_without_history_or_profile(client: TestClient) -> None:
    answer = ask(client, {"user_id": "gus"})
    assert answer["fallback_reason"] == "no_history"
    assert set(paths(answer).values()) == {"fallback"}


@pytest.mark.parametrize("who", [{}, {"user_id": "zoe"}, {"session_id": "visit-1"}])
def test_context_makes_a_stranger_warm(client: TestClient, model: Model, who: dict[str, str]) -> None:
    answer = ask(client, {**who, "context_items": ["shirt1"]})
    events = pl.DataFrame({"user_id": ["a stranger"], "item_id": ["shirt1"]})
    expected = model.recommend("a stranger", 20, events=events)
    assert ids(answer) == expected["item_id"].to_list()
    assert "fallback_reason" not in answer
    assert ids(answer)[0] == "shirt2"
    assert "shirt1" not in ids(answer)
    assert paths(answer)["shirt9"] == "cold"
    assert paths(answer)["shirt2"] == "warming"


def test_context_of_a_known_shopper_adds_to_the_history(client: TestClient, model: Model) -> None:
    answer = ask(client, {"user_id": "bob", "context_items": ["scarf2", "scarf2"]})
    events = pl.DataFrame({"user_id": ["bob"], "item_id": ["scarf2"]})
    assert ids(answer) == model.recommend("bob", 20, events=events)["item_id"].to_list()
    assert not {"scarf2", "shirt1", "shirt2"} & set(ids(answer))
    assert ids(answer) != ids(ask(client, {"user_id": "bob"}))
    assert paths(answer)["dress1"] == "hot"
    assert paths(answer)["shirt9"] == "cold"


def test_unknown_context_is_left_out_with_a_warning(client: TestClient) -> None:
    answer = ask(client, {"context_items": ["nope", "shirt1", "nada"]})
    assert ids(answer) == ids(ask(client, {"context_items": ["shirt1"]}))
    assert [(w["code"], w["pointer"]) for w in answer["warnings"]] == [
        ("unknown_item", "/context_items/0"),
        ("unknown_item", "/context_items/2"),
    ]
    assert "nope" not in str(answer)
    assert ask(client, {"context_items": ["nope"]})["fallback_reason"] == "anonymous"


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"in_stock": True}, {"dress1", "dress9", "scarf1", "scarf2", "shirt1", "shirt2"}),
    ({"price": {"min": 20, "max": 30}}, {"dress1", "dress2", "shirt1"}),
    ({"price": {"max": 12.0}}, {"scarf1", "scarf2"}),
    ({"price": {"min": 35}}, {"dress9", "shirt9"}),
    ({"categories": ["scarf"]}, {"scarf1", "scarf2"}),
    ({"categories": ["men", "scarf"]}, {"scarf1", "scarf2", "shirt1", "shirt2", "shirt9"}),
    ({"genders": ["M"]}, {"shirt1", "shirt2", "shirt9"}),
    ({"sizes": ["M"]}, {"dress1", "dress2", "shirt2"}),
    ({"sizes": ["XL", "one"]}, {"scarf2", "shirt9"}),
    ({"brands": ["Cee"]}, {"scarf2", "shirt9"}),
    ({"exclude_items": ["dress1", "nope", "shirt9"]}, {"dress2", "dress9", "scarf1", "scarf2", "shirt1", "shirt2"}),
    ({"brands": ["Ada"], "in_stock": True, "genders": ["F"]}, {"dress1"}),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS)
def test_filters(client: TestClient, filters: dict[str, Any], expected: set[str]) -> None:
    answer = ask(client, {"filters": filters})
    assert set(ids(answer)) == expected
    assert "warnings" not in answer


@pytest.mark.parametrize("filters", [{}, {"price": {}}, {"categories": [], "brands": [], "exclude_items": []}])
def test_empty_filters_are_no_filters(client: TestClient, filters: dict[str, Any]) -> None:
    assert len(ask(client, {"filters": filters})["items"]) == 8


def test_domain(client: TestClient) -> None:
    assert set(ids(ask(client, {"domain": "accessories"}))) == {"scarf1", "scarf2"}


def test_n(client: TestClient) -> None:
    assert ids(ask(client, {"n": 1})) == ["dress1"]
    assert len(ask(client, {"n": 100})["items"]) == 8


UNKNOWN: list[tuple[dict[str, Any], str, str]] = [
    ({"filters": {"categories": ["hat"]}}, "unknown_category", "/filters/categories/0"),
    ({"filters": {"genders": ["X"]}}, "unknown_gender", "/filters/genders/0"),
    ({"filters": {"sizes": ["XXL"]}}, "unknown_size", "/filters/sizes/0"),
    ({"filters": {"brands": ["Zed"]}}, "unknown_brand", "/filters/brands/0"),
    ({"domain": "toys"}, "unknown_domain", "/domain"),
]


@pytest.mark.parametrize(("body", "code", "pointer"), UNKNOWN)
@pytest.mark.parametrize("who", ["ann", "zoe"])
def test_unknown_values_give_nothing_and_a_warning(
    client: TestClient, who: str, body: dict[str, Any], code: str, pointer: str
) -> None:
    answer = ask(client, {"user_id": who, **body})
    assert answer["items"] == []
    assert answer["fallback_reason"] == "no_candidates"
    assert [(w["code"], w["pointer"]) for w in answer["warnings"]] == [(code, pointer)]


def test_known_values_beside_unknown_ones_still_count(client: TestClient) -> None:
    answer = ask(client, {"filters": {"brands": ["Zed", "Cee"]}})
    assert set(ids(answer)) == {"scarf2", "shirt9"}
    assert [w["pointer"] for w in answer["warnings"]] == ["/filters/brands/0"]


def test_everything_filtered(client: TestClient) -> None:
    answer = ask(client, {"user_id": "ann", "filters": {"price": {"min": 1000}}})
    assert (answer["items"], answer["fallback_reason"], answer["degraded"]) == ([], "no_candidates", False)


@pytest.mark.parametrize(
    "filters",
    [{"price": {"min": 1}}, {"categories": ["women"]}, {"genders": ["F"]}, {"sizes": ["M"]}, {"brands": ["Ada"]}],
)
def test_filters_a_catalogue_cannot_answer(serving: Any, bare: Dataset, filters: dict[str, Any]) -> None:
    answer = ask(serving(fit(bare, "popularity")), {"filters": filters})
    assert (answer["items"], answer["fallback_reason"]) == ([], "no_candidates")
    (name,) = filters
    assert [(w["code"], w["pointer"]) for w in answer["warnings"]] == [("filter_unavailable", f"/filters/{name}")]


def test_stock_a_catalogue_does_not_know(serving: Any, bare: Dataset) -> None:
    answer = ask(serving(fit(bare, "popularity")), {"filters": {"in_stock": True}})
    assert len(answer["items"]) == 8
    assert [w["code"] for w in answer["warnings"]] == ["stock_unknown"]


@pytest.mark.parametrize("method", ["random", "popularity", "popularity_category", "content_knn", "ials", "two_tower"])
def test_every_method_is_served(serving: Any, shop: Dataset, method: str) -> None:
    options = {"epochs": 1} if method == "two_tower" else {}
    client = serving(fit(shop, method, options))
    bodies: list[dict[str, Any]] = [
        {"user_id": "ann"},
        {"user_id": "zoe"},
        {"user_id": "fay"},
        {"context_items": ["dress9"]},
    ]
    for body in bodies:
        answer = ask(client, {**body, "n": 3})
        assert len(answer["items"]) == 3
        assert answer["degraded"] is False
        nothing = ask(client, {**body, "filters": {"categories": ["hat"]}})
        assert (nothing["items"], nothing["fallback_reason"]) == ([], "no_candidates")


def test_empty_catalogue(serving: Any, model: Model, shop: Dataset) -> None:
    none = replace(shop, items=shop.items.clear(), events=shop.events.clear())
    client = serving(replace(model, world=encode(none, model.world.space)))
    bodies: list[dict[str, Any]] = [{}, {"user_id": "ann"}, {"context_items": ["dress1"]}]
    bodies += [{"filters": filters} for filters, _ in FILTERS]
    for body in bodies:
        answer = ask(client, body)
        assert (answer["items"], answer["fallback_reason"]) == ([], "empty_catalogue")


class Broken:
    """A method that answers well until told not to: `mode` is what to do instead."""

    mode = "fine"
    evidence = frozenset[Any]()

    def init(self, data: Any, seed: int) -> dict[str, torch.Tensor]:
        return {}

    def score(self, params: Any, users: Any, items: Any) -> torch.Tensor:
        if self.mode == "raise":
            raise RuntimeError("s3cr3t")
        scores = torch.arange(len(items.rows), dtype=torch.float32).expand(len(users), -1)
        return scores * float("nan") if self.mode == "nan" else scores


@pytest.mark.parametrize("mode", ["raise", "nan"])
def test_popularity_answers_when_the_model_fails(
    serving: Any, model: Model, mode: str, capfd: pytest.CaptureFixture[str]
) -> None:
    method = Broken()
    client = serving(replace(model, fitted=Fitted(method, {})))
    method.mode = mode
    answer = ask(client, {"user_id": "ann", "context_items": ["shirt2"], "filters": {"categories": ["women", "men"]}})
    assert (answer["degraded"], answer["fallback_reason"]) == (True, "model_error")
    # Ann has three of them and shows a fourth; the rest by number of shoppers, ties in catalogue order.
    assert ids(answer) == ["shirt1", "scarf2", "dress9", "shirt9"]
    assert [(item["rank"], item["score"]) for item in answer["items"]] == [(1, 2.0), (2, 1.0), (3, 0.0), (4, 0.0)]
    assert set(paths(answer).values()) == {"fallback"}
    nothing = ask(client, {"user_id": "ann", "filters": {"categories": ["hat"]}})
    assert nothing["fallback_reason"] == "no_candidates"
    log = capfd.readouterr().err
    assert '"event":"model_failed"' in log
    assert "s3cr3t" not in log


def test_same_question_same_answer(client: TestClient) -> None:
    body = {"user_id": "cat", "context_items": ["dress2"], "filters": {"in_stock": True}}
    first, second = ask(client, body), ask(client, body)
    assert first.pop("recommendation_id") != second.pop("recommendation_id")
    assert first == second


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(
    ["user_id", "session_id", "n", "context_items", "filters", "domain", "price", "min", "brands", "in_stock", "x"]
)
values = st.sampled_from(["ann", "zoe", "dress1", "nope", "women", "Ada", "M", "", "\x00"]) | st.integers(-1, 101)
likely = st.recursive(
    values | st.none() | st.booleans() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
quiet = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quiet
@given(body=st.dictionaries(names, likely, max_size=5) | json_values)
def test_no_json_body_breaks_the_service(client: TestClient, body: Any) -> None:
    import json

    answer = client.post(URL, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 400, 422}
    if answer.status_code == 200:
        found = answer.json()
        assert found["items"] or found["fallback_reason"]


@quiet
@given(body=st.binary(max_size=200), head=st.sampled_from([b"", b"{", b'{"user_id":"', b'{"n":', b'{"filters":{']))
def test_no_bytes_break_the_service(client: TestClient, body: bytes, head: bytes) -> None:
    answer = client.post(URL, content=head + body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 400, 422}


good = st.fixed_dictionaries(
    {},
    optional={
        "user_id": st.sampled_from(["ann", "bob", "gus", "fay", "zoe"]),
        "n": st.integers(1, 100),
        "context_items": st.lists(st.sampled_from(["dress1", "dress9", "shirt2", "nope"]), max_size=5),
        "domain": st.sampled_from(["apparel", "accessories", "toys"]),
        "filters": st.fixed_dictionaries(
            {},
            optional={
                "in_stock": st.booleans(),
                "price": st.fixed_dictionaries({}, optional={"min": st.floats(0, 20), "max": st.floats(20, 50)}),
                "categories": st.lists(st.sampled_from(["women", "men", "scarf", "hat"]), max_size=3),
                "sizes": st.lists(st.sampled_from(["S", "M", "XXL"]), max_size=3),
                "exclude_items": st.lists(st.sampled_from(["dress1", "shirt1", "nope"]), max_size=3),
            },
        ),
    },
)


@quiet
@given(body=good)
def test_every_good_request_is_answered(client: TestClient, body: dict[str, Any]) -> None:
    answer = ask(client, body)
    shown = ids(answer)
    assert len(shown) == len(set(shown)) <= body.get("n", 20)
    assert [item["rank"] for item in answer["items"]] == list(range(1, len(shown) + 1))
    assert not set(shown) & {*body.get("context_items", []), *body.get("filters", {}).get("exclude_items", [])}
    assert answer["degraded"] is False
    if not shown or "fallback" in paths(answer).values():
        assert answer["fallback_reason"]
