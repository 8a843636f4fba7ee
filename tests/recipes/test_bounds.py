"""In the planted world every method stands between chance and the oracle."""

from dataclasses import fields

import pytest

from muslin import registry
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.recipes.evaluate import evaluate

SHAPE = BoutiqueConfig(n_items=600, n_users=600, n_events=8_000, pictures=False)
KNOWING = ("popularity", "popularity_category", "content_knn", "two_tower", "muslin", "ials")
"""Methods that know something of garments that were trained on."""


@pytest.mark.slow
def test_every_method_is_below_the_oracle_and_what_knows_something_beats_chance(tmp_path) -> None:
    """NDCG@20 among new garments, and for known shoppers. One test: each worker that has a part would fit them all."""
    shop = make(tmp_path / "shop", SHAPE, seed=1)
    names = registry.names()
    short = {name: {"epochs": 2} for name in names if "epochs" in {f.name for f in fields(registry.entry(name).config)}}
    rows = evaluate(shop, methods=names, protocols=["item-cold", "warm"], seeds=1, options=short).rows
    headline = [r for r in rows if r.metric == "ndcg@20" and (r.protocol == "warm" or r.view == "within")]
    values = {(r.protocol, r.method): r.value for r in headline}
    for (protocol, method), value in values.items():
        assert value <= values[protocol, "oracle"], (protocol, method)
    for method in ("content_knn", "two_tower", "muslin", "ials"):
        assert values["item-cold", method] > 1.2 * values["item-cold", "random"], method
    for method in KNOWING:
        assert values["warm", method] > 1.2 * values["warm", "random"], method
    assert values["item-cold", "popularity"] == pytest.approx(values["item-cold", "random"], rel=0.05)
