"""The recipe on real pictures of 64 pixels: colours decide what is bought, which the frozen encoder hardly looks at."""

import io
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import muslin.recipes.tune_pictures as recipe
from muslin.data.dataset import Dataset
from muslin.errors import DataError, UsageError
from muslin.features.encoders import efficientnet_lite0
from muslin.features.encoders.tuned_files import load
from muslin.nets.picture_tuning import PictureTuning
from muslin.random import stream
from muslin.recipes.pictured import contents, pictured
from muslin.recipes.tune_pictures import Plan, tune_pictures
from muslin.testing.worlds import COLOURS, KINDS, tiny_shop

PAINT = dict(
    zip(
        COLOURS,
        [(230, 30, 30), (40, 60, 230), (40, 190, 60), (60, 60, 60), (255, 255, 255), (230, 180, 40)],
        strict=True,
    )
)
GROUND = dict(zip(KINDS, [(0, 0, 0), (120, 0, 60), (0, 90, 110), (110, 80, 0), (60, 0, 130)], strict=True))
PLAN = Plan(
    stage="head",
    size=64,
    options={"epochs": 8, "batch_size": 512, "negatives": 128, "dimensions": 64, "learning_rate": 0.001},
)


def drawing(colour: str, kind: str, number: int) -> bytes:
    """A loud pattern that says nothing, its light parts tinted by the colour and its dark ones by the kind."""
    rng = stream(0, "drawing", number)
    y, x = np.mgrid[0:48, 0:48]
    phase = (x * rng.integers(-3, 4) + y * rng.integers(-3, 4)) // int(rng.integers(6, 20))
    light, dark = 0.5 * np.array(PAINT[colour]) + 120, 0.5 * np.array(GROUND[kind])
    pixels = np.where((phase % 2 == 0)[..., None], light, dark) + rng.normal(0, 8, (48, 48, 1))
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def drawn(folder: Path, items: int, users: int, events: int) -> Dataset:
    """A shop of families of one, with pictures; that of the eighth garment is broken."""
    shop = tiny_shop(3, items=items, users=users, events=events)
    shop = replace(shop, items=shop.items.with_columns(family=pl.col("item_id")))
    looks = shop.items.select("colour", "kind").iter_rows()
    pictures = [drawing(colour, kind, number) for number, (colour, kind) in enumerate(looks)]
    pictures[7] = b"no picture"
    pl.DataFrame({"item_id": shop.items["item_id"], "bytes": pictures}).write_parquet(folder / "images.parquet")
    return replace(shop, root=folder, schema=replace(shop.schema, images="images.parquet"))


@pytest.fixture(scope="module")
def boutique(tmp_path_factory) -> Dataset:
    return drawn(tmp_path_factory.mktemp("tune"), 400, 500, 12_000)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Dataset:
    return drawn(tmp_path_factory.mktemp("small"), 100, 150, 1500)


@pytest.fixture(scope="module")
def whole(boutique, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned") / "encoder"
    return tune_pictures(boutique, out, PLAN)


def shuffled(shop: Dataset) -> Dataset:
    """The same numbers of events by shopper and by garment, and no taste."""
    order = stream(0, "shuffled").permutation(len(shop.events))
    return shop.with_events(shop.events.with_columns(pl.col("item_id").gather(order)))


def test_what_pictures_tell_is_learned_and_the_encoder_says_so(boutique, whole) -> None:
    assert whole.helped
    assert whole.validation.tuned > 1.2 * whole.validation.frozen
    assert 0 < whole.validation.low < whole.validation.tuned - whole.validation.frozen < whole.validation.high
    encoder = load(whole.path)
    assert (encoder.about.stage, encoder.width, encoder.size) == ("head", 64, 64)
    assert encoder.about.validation == whole.validation
    assert encoder.about.epochs == whole.epochs
    ids = boutique.items["item_id"].to_list()
    taken = set(boutique.events["item_id"])
    assert encoder.taught_by([*ids, "new"]).tolist() == [*(n != 7 and i in taken for n, i in enumerate(ids)), False]
    assert whole.pictures == sum(encoder.taught_by(ids))


def test_events_without_taste_teach_nothing_and_the_frozen_encoder_stays(boutique, tmp_path) -> None:
    found = tune_pictures(shuffled(boutique), tmp_path / "e", PLAN)
    assert not found.helped
    encoder = load(tmp_path / "e")
    assert encoder.about.stage == "frozen"
    assert encoder.about.validation == found.validation
    pixels = stream(0, "pixels").integers(256, size=(2, 64, 64, 3), dtype=np.uint8)
    assert np.array_equal(encoder.encode(pixels), efficientnet_lite0.load(64).encode(pixels))


def test_infinite_strength_is_the_frozen_encoder(small, tmp_path) -> None:
    """All directions kept: nothing moves, so nothing differs, and nothing is shown to help."""
    plan = replace(PLAN, strength=float("inf"), options={**PLAN.options, "dimensions": 1280, "epochs": 1})
    found = tune_pictures(small, tmp_path / "e", plan)
    assert found.validation.tuned == pytest.approx(found.validation.frozen, abs=0.02)
    assert not found.helped
    assert load(tmp_path / "e").about.strength is None


@pytest.mark.parametrize("stop_at", [3, 60])
def test_an_interrupted_run_ends_with_the_same_bytes(boutique, whole, tmp_path, monkeypatch, stop_at) -> None:
    steps, real = [], PictureTuning.step

    def step(self, params, batch):
        steps.append(1)
        if len(steps) == stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self, params, batch)

    monkeypatch.setattr(PictureTuning, "step", step)
    with pytest.raises(KeyboardInterrupt):
        tune_pictures(boutique, tmp_path / "e", PLAN, checkpoint=tmp_path / "partial")
    assert not (tmp_path / "e").exists()
    tune_pictures(boutique, tmp_path / "e", PLAN, checkpoint=tmp_path / "partial")
    for path in whole.path.iterdir():
        assert (tmp_path / "e" / path.name).read_bytes() == path.read_bytes()


def test_the_judges_are_never_met_before_they_judge(small, tmp_path, monkeypatch) -> None:
    seen, asked = [], []
    real_train, real_answer = recipe.train, recipe.answer
    monkeypatch.setattr(recipe, "train", lambda m, d, r, v=None: seen.append(d) or real_train(m, d, r, v))
    monkeypatch.setattr(recipe, "answer", lambda e, *rest: asked.append(e) or real_answer(e, *rest))
    tune_pictures(small, tmp_path / "e", replace(PLAN, options={**PLAN.options, "epochs": 1}))
    judges = asked[0].split.cold_items
    family = dict(small.items.select("item_id", "family").iter_rows())
    met = {family[i] for i in seen[0].catalogue.ids}
    assert judges
    assert not met & {family[i] for i in judges}
    assert len(met) < len({family[i] for i in asked[0].world.data.catalogue.ids}), "some families are for stopping"


def test_stages_that_begin_alike_share_what_was_learned(small, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recipe.Search, "helped", True)
    plan = replace(PLAN, options={**PLAN.options, "epochs": 2})
    tune_pictures(small, tmp_path / "head", plan, checkpoint=tmp_path / "partial")
    trained, real = set(), PictureTuning.step
    monkeypatch.setattr(PictureTuning, "step", lambda self, *rest: trained.add(self.config.stage) or real(self, *rest))
    found = tune_pictures(small, tmp_path / "adapter", replace(plan, stage="adapter"), checkpoint=tmp_path / "partial")
    assert trained == {"adapter"}
    assert set(found.epochs) == {"head", "adapter"}


def test_top_is_learned_from_maps_and_judged_by_pictures(small, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recipe.Search, "helped", True)
    monkeypatch.setitem(recipe.DEFAULTS, "top", {"steps": 1})
    options = {"epochs": 1, "patience": 9, "batch_size": 32, "negatives": 16, "dimensions": 16}
    found = tune_pictures(small, tmp_path / "e", replace(PLAN, stage="top", options=options, strength=0.1))
    encoder = load(found.path)
    assert encoder.about.stage == "top"
    base = efficientnet_lite0.load(64)
    moved = {n for n, value in encoder.backbone.params.items() if not torch.equal(value, base.params[n])}
    assert moved <= {n for n in base.params if n.startswith(("blocks.15.", "head."))}
    assert bool(moved) == bool(found.epochs["top"])


def test_a_folder_of_pictures_is_the_same_as_a_table_of_them(small, tmp_path) -> None:
    table = pl.read_parquet(small.root / "images.parquet").sample(fraction=1.0, shuffle=True, seed=1)
    (tmp_path / "images").mkdir()
    for name, content in table.iter_rows():
        (tmp_path / "images" / f"{name}.png").write_bytes(content)
    (tmp_path / "images" / "stranger.png").write_bytes(table["bytes"][0])
    backbone = efficientnet_lite0.load(64)
    other = replace(small, root=tmp_path, schema=replace(small.schema, images="images"))
    one, two = (pictured(shop, backbone, tmp_path / "cache") for shop in (small, other))
    assert one.dataset.items.equals(two.dataset.items)
    ids = one.dataset.items["item_id"].to_numpy()
    assert np.array_equal(one.pictures.inputs[one.pictures.of(ids)], two.pictures.inputs[two.pictures.of(ids)])
    assert list(contents(one)) == list(contents(two)), "both in order of id here"


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        (lambda s: replace(s, root=None), DataError, "no_pictures"),
        (lambda s: replace(s, schema=replace(s.schema, images=None)), DataError, "no_pictures"),
        (lambda s: s.with_events(s.events.clear()), DataError, "no_events"),
        (lambda s: s.with_events(s.events.filter(pl.col("item_id") == "g0007")), DataError, "no_pictures"),
        (lambda s: s.with_events(s.events.filter(pl.col("item_id") == "g0001")), DataError, "too_small"),
    ],
)
def test_too_little_to_learn_from_is_named(small, tmp_path, change, kind, code) -> None:
    with pytest.raises(kind) as caught:
        tune_pictures(change(small), tmp_path / "e", PLAN)
    assert caught.value.code == code
    assert caught.value.fix


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"strength": -1.0}, "bad_option"),
        ({"strength": float("nan")}, "bad_option"),
        ({"options": {"dimension": 3}}, "unknown_option"),
        ({"options": {"dimensions": 0}}, "bad_option"),
        ({"size": 8}, "bad_size"),
    ],
)
def test_bad_plans_are_refused_before_any_work(small, tmp_path, monkeypatch, changes, code) -> None:
    monkeypatch.setattr(recipe, "pictured", lambda *_: pytest.fail("pictures were read"))
    with pytest.raises(UsageError) as caught:
        tune_pictures(small, tmp_path / "e", replace(PLAN, **changes))
    assert caught.value.code == code


def test_what_is_there_is_not_overwritten_unasked(boutique, whole) -> None:
    with pytest.raises(UsageError) as caught:
        tune_pictures(boutique, whole.path, PLAN)
    assert caught.value.code == "destination_exists"
