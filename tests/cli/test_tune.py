import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import muslin.recipes.tune_pictures as recipe
from muslin.data.schema import write_schema
from muslin.features.encoders.tuned_files import load
from muslin.random import stream


@pytest.fixture(scope="module")
def drawn(shop, tmp_path_factory) -> Path:
    """A native dataset with a picture of noise for each of sixty garments."""
    folder = tmp_path_factory.mktemp("tune") / "shop"
    folder.mkdir()
    ids = shop.items["item_id"].head(60)
    files = []
    for number in range(len(ids)):
        file = io.BytesIO()
        Image.fromarray(stream(0, "png", number).integers(256, size=(20, 16, 3), dtype=np.uint8)).save(file, "PNG")
        files.append(file.getvalue())
    write_schema(replace(shop.schema, images="images.parquet"), folder / "dataset.toml")
    shop.items.write_parquet(folder / "items.parquet")
    shop.users.write_parquet(folder / "users.parquet")
    shop.events.drop("weight").write_parquet(folder / "events.parquet")
    pl.DataFrame([ids, pl.Series("bytes", files)]).write_parquet(folder / "images.parquet")
    return folder


def test_noise_teaches_nothing_and_that_is_said(muslin, drawn, tmp_path) -> None:
    found = muslin("tune", drawn, "--out", "encoder", "--stage", "head", "--json", "-", "--seed", 5)
    facts = json.loads(found.out)
    assert found.status == 0, found.err
    assert (facts["stage"], facts["helped"], facts["pictures"]) == ("head", False, 60)
    assert "the frozen encoder was kept" in found.err
    assert "--pictures tuned:encoder" in found.err
    assert load(tmp_path / "encoder").about.seed == 5
    assert {path.name for path in tmp_path.iterdir()} == {"encoder"}


def test_where_it_helps_that_is_said(muslin, drawn, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recipe.Search, "helped", True)
    found = muslin("tune", drawn, "--out", "encoder", "--stage", "head")
    assert found.status == 0, found.err
    assert "tuned the picture encoder, stage head (60 pictures" in found.out
    assert "kept" not in found.out
    assert load(tmp_path / "encoder").about.stage == "head"


def test_an_interruption_says_how_to_go_on(muslin, drawn, tmp_path, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        Path("encoder.partial").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "tune_pictures", interrupt)
    found = muslin("tune", drawn, "--out", "encoder")
    assert found.status == 130
    assert "encoder.partial" in found.err
    assert not (tmp_path / "encoder").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["--stage", "heads"], "unknown_stage", 2),
        (["--strength", "-1"], "bad_option", 2),
        (["--strength", "nan"], "bad_option", 2),
        (["--max-bad", "x"], "bad_share", 2),
    ],
)
def test_bad_requests_are_named(muslin, drawn, tmp_path, arguments, code, status) -> None:
    found = muslin("tune", drawn, "--out", "encoder", *arguments)
    assert (found.status, f"[{code}]" in found.err or code in found.err) == (status, True), found.err
    assert not list(tmp_path.iterdir())


def test_a_dataset_without_pictures_is_named(muslin, dataset, tmp_path) -> None:
    found = muslin("tune", dataset, "--out", "encoder")
    assert found.status == 3
    assert "no_pictures" in found.err
    assert not (tmp_path / "encoder").exists()
