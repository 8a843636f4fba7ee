"""In the planted world every method stands between chance and the oracle."""

from dataclasses import fields
from pathlib import Path

import pytest

from muslin import registry
from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.recipes.evaluate import evaluate

SHAPE = BoutiqueConfig(n_items=600, n_users=600, n_events=8_000, pictures=False)
KNOWING = frozenset({"popularity", "popularity_category", "content_knn", "two_tower", "muslin", "ials"})
"""Methods that know something of garments that were trained on."""
FORETELLING = frozenset({"content_knn", "two_tower", "muslin", "ials"})
"""Methods that know something of new garments."""
PARTS = 4


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make(Path(tmp_path_factory.mktemp("bounds")) / "shop", SHAPE, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_method_is_below_the_oracle_and_what_knows_something_beats_chance(shop, part) -> None:
    """NDCG@20 among new garments, and for known shoppers; each part of the methods is fitted by one worker."""
    names = [*dict.fromkeys([*registry.names()[part::PARTS], "random"])]
    learning = {name for name in names if "epochs" in {f.name for f in fields(registry.entry(name).config)}}
    short = {name: {"epochs": 2 if name in KNOWING else 1} for name in learning}
    rows = evaluate(shop, methods=names, protocols=["item-cold", "warm"], seeds=1, options=short).rows
    headline = [r for r in rows if r.metric == "ndcg@20" and (r.protocol == "warm" or r.view == "within")]
    values = {(r.protocol, r.method): r.value for r in headline}
    assert {method for _, method in values} >= {*names, "oracle"}
    for (protocol, method), value in values.items():
        assert value <= values[protocol, "oracle"], (protocol, method)
    for method in FORETELLING.intersection(names):
        assert values["item-cold", method] > 1.2 * values["item-cold", "random"], method
    for method in KNOWING.intersection(names):
        assert values["warm", method] > 1.2 * values["warm", "random"], method
    if "popularity" in names:
        assert values["item-cold", "popularity"] == pytest.approx(values["item-cold", "random"], rel=0.05)
