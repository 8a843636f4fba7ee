"""In the planted world every method stands between chance and the oracle."""

import pytest

from muslin import registry
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.recipes.evaluate import evaluate

SHAPE = BoutiqueConfig(n_items=400, n_users=1200, n_events=16_000, pictures=False)


@pytest.fixture(scope="module")
def values(tmp_path_factory) -> dict[tuple[str, str], float]:
    """NDCG@20 of each method among new garments, and for known shoppers."""
    shop = make(tmp_path_factory.mktemp("bounds") / "shop", SHAPE, seed=1)
    rows = evaluate(shop, methods=registry.names(), protocols=["item-cold", "warm"], seeds=2).rows
    headline = [r for r in rows if r.metric == "ndcg@20" and (r.protocol == "warm" or r.view == "within")]
    return {(r.protocol, r.method): r.value for r in headline}


def test_every_method_is_below_the_oracle(values) -> None:
    for (protocol, method), value in values.items():
        assert value <= values[protocol, "oracle"], (protocol, method)


def test_methods_that_know_something_beat_chance(values) -> None:
    for method in ("content_knn", "two_tower", "ials"):
        assert values["item-cold", method] > 1.2 * values["item-cold", "random"], method
    for method in ("popularity", "popularity_category", "content_knn", "two_tower", "ials"):
        assert values["warm", method] > 1.2 * values["warm", "random"], method


def test_popularity_knows_nothing_of_new_garments(values) -> None:
    assert values["item-cold", "popularity"] == pytest.approx(values["item-cold", "random"], rel=0.05)
