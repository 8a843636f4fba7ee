from dataclasses import replace

import polars as pl
import pytest
import torch

import muslin
from muslin.errors import DataError, ModelError, UsageError
from muslin.features.space import encode
from muslin.recipes.fit import Recipe, fit, fit_world

QUICK = {"epochs": 2, "dimensions": 16, "negatives": 64, "batch_size": 256}


def test_fit_is_a_function_of_data_options_and_seed(shop) -> None:
    first, second, other = (fit(shop, "two_tower", QUICK, seed=s) for s in (0, 0, 1))
    assert first.options["epochs"] == 2
    for name, value in first.fitted.params.items():
        assert torch.equal(value, second.fitted.params[name])
    assert not torch.equal(first.fitted.params["item"], other.fitted.params["item"])


def test_the_search_for_epochs_never_sees_the_families_it_is_judged_on(shop, monkeypatch) -> None:
    trained = []
    real = muslin.recipes.fit.train

    def spy(method, data, run, validate=None):
        trained.append((set(data.catalogue.family_ids), validate is not None, run.epochs))
        return real(method, data, run, validate)

    monkeypatch.setattr(muslin.recipes.fit, "train", spy)
    family = dict(shop.items.select("item_id", "family").iter_rows())
    monkeypatch.setattr(
        muslin.types.Catalogue, "family_ids", property(lambda c: [family[i] for i in c.ids]), raising=False
    )
    fit_world(Recipe(method="two_tower", options=QUICK), encode(shop), 0)
    (searched, judged, free), (final, unjudged, fixed) = trained
    assert judged
    assert free is None
    assert not unjudged
    assert fixed in (0, 1, 2)
    assert searched < final, "the final training has every family again"


def test_checkpoints_are_kept_per_phase(shop, tmp_path) -> None:
    fit(shop, "two_tower", QUICK, checkpoint=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["final.safetensors", "search.safetensors"]


def test_bad_requests_are_named(shop) -> None:
    for call, kind, code in (
        (lambda: fit(shop, "two_towers"), UsageError, "unknown_method"),
        (lambda: fit(shop, "two_tower", {"epoch": 3}), UsageError, "unknown_option"),
        (lambda: fit(shop, "two_tower", {"batch_size": 0}), UsageError, "bad_option"),
        (lambda: fit(shop, "two_tower", {"learning_rate": -1}), UsageError, "bad_option"),
        (lambda: fit(shop, "ials", {"factors": 0}), UsageError, "bad_option"),
        (lambda: fit(shop.with_events(shop.events.clear())), DataError, "no_events"),
    ):
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.code == code


def test_a_shop_with_three_events_can_be_fitted(shop) -> None:
    model = fit(shop.with_events(shop.events.head(3)), "two_tower", QUICK)
    assert len(model.recommend("anyone", k=5)) == 5


def test_training_on_everything_takes_as_long_as_validation_found_best(shop, monkeypatch) -> None:
    scores = iter([0.1, 0.2, 0.9, 0.3, 0.4])  # before training, then after each epoch: the second epoch is best
    monkeypatch.setattr(muslin.recipes.fit, "cold_ndcg", lambda *_: lambda _: next(scores))
    lengths = []
    real = muslin.recipes.fit.train
    monkeypatch.setattr(
        muslin.recipes.fit, "train", lambda m, d, run, v=None: lengths.append(run.epochs) or real(m, d, run, v)
    )
    fit_world(Recipe(method="two_tower", options=QUICK | {"epochs": 9}), encode(shop), 0)
    assert lengths == [None, 2]


def test_validation_knows_no_words_of_the_families_it_asks_for(shop, monkeypatch) -> None:
    seen = []
    real = muslin.recipes.fit.cold_ndcg
    monkeypatch.setattr(muslin.recipes.fit, "cold_ndcg", lambda m, w, s: seen.append((w, s)) or real(m, w, s))
    words = shop.items.with_columns(title=pl.concat_str(pl.lit("word"), pl.col("family")))
    fit_world(Recipe(method="two_tower", options=QUICK), encode(replace(shop, items=words)), 0)
    ((world, split),) = seen
    title = next(c for c in world.space.items.columns if c.name == "title")
    family = dict(shop.items.select("item_id", "family").iter_rows())
    assert title.encoder.terms
    assert not {f"word{family[i]}" for i in split.cold_items} & set(title.encoder.terms)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, items=s.items.with_columns(pl.col("kind").reverse())),
        lambda s: replace(s, items=s.items.with_columns(family=pl.col("item_id"))),
        lambda s: replace(s, users=s.users.with_columns(pl.col("favourite").reverse())),
        lambda s: s.with_events(s.events.head(2000)),
    ],
    ids=["attributes", "families", "profiles", "events"],
)
def test_a_checkpoint_of_other_data_is_refused(shop, tmp_path, change) -> None:
    fit(shop, "two_tower", QUICK, checkpoint=tmp_path)
    with pytest.raises(ModelError) as caught:
        fit(change(shop), "two_tower", QUICK, checkpoint=tmp_path)
    assert caught.value.code == "other_run"
