"""A tuned encoder serves like any other, and no evaluation is fooled by one that has seen the answers."""

import pytest
import torch

from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.errors import UsageError
from muslin.evaluate.exam import Terms
from muslin.features.embed import Encoders, enriched
from muslin.features.encoders.tuned import About, Validation
from muslin.features.encoders.tuned_files import weights_digest, write
from muslin.random import torch_stream
from muslin.recipes.ablate import worth
from muslin.recipes.evaluate import evaluate
from muslin.recipes.fit import fit


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shape = BoutiqueConfig(n_items=40, n_users=60, n_events=700)
    return make(tmp_path_factory.mktemp("tuned") / "shop", shape, seed=0)


def encoder(folder, taught) -> str:
    figures = Validation(0.1, 0.2, 0.05, 0.15, 100, 40)
    about = About(
        stage="head",
        width=9,
        size=32,
        strength=0.0,
        seed=0,
        epochs={"head": 1},
        validation=figures,
        weights=weights_digest(),
    )
    params = {"centre": torch.zeros(1280), "spread": torch.ones(1)}
    params["projection"] = torch.randn(1280, 9, generator=torch_stream(0, "projection"))
    write(folder / "encoder", about, params, taught)
    return f"tuned:{folder / 'encoder'}"


def test_it_makes_vectors_like_any_other(shop, tmp_path) -> None:
    seen = enriched(shop, Encoders(pictures=(encoder(tmp_path, ["another shop's"]),)))
    (column,) = seen.schema.encoded
    assert seen.items[column].list.len().unique().to_list() == [9]
    assert len(fit(seen, "content_knn").recommend("U0000001", k=3)) == 3
    assert evaluate(seen, methods=["content_knn"], protocols=["item-cold"], seeds=1).rows


def test_an_evaluation_refuses_one_that_has_seen_its_answers(shop, tmp_path) -> None:
    seen = enriched(shop, Encoders(pictures=(encoder(tmp_path, shop.items["item_id"].to_list()[:5]),)))
    with pytest.raises(UsageError) as caught:
        evaluate(seen, methods=["content_knn"], protocols=["item-cold"], seeds=1)
    assert caught.value.code == "taught_encoder"
    assert "5 of these garments" in str(caught.value)
    with pytest.raises(UsageError):
        worth(seen, method="content_knn", terms=[Terms(0)])
