"""A model directory is complete, exact, and refused by name when anything about it is off."""

import json
import shutil

import polars as pl
import pytest
import torch
from safetensors.torch import save_file

from muslin.engine import artefact, golden
from muslin.engine.model import Model
from muslin.errors import ModelError, UsageError
from muslin.random import stream
from muslin.recipes.fit import fit


@pytest.fixture(scope="module")
def saved(shop, tmp_path_factory):
    model = fit(shop, "two_tower", {"epochs": 1, "dimensions": 8})
    return model, model.save(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved[1], tmp_path / "model")


def refused(path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        Model.load(path)
    assert caught.value.fix
    return caught.value


def reseal(path, name) -> None:
    """Make the manifest agree with a changed file: only the content is wrong then."""
    import hashlib

    manifest = json.loads((path / "manifest.json").read_text())
    content = (path / name).read_bytes()
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (path / "manifest.json").write_bytes(artefact.sealed(manifest))


def test_what_is_loaded_answers_like_what_was_saved(saved) -> None:
    model, path = saved
    loaded = Model.load(path)
    ids = [*model.world.shoppers.ids[:20].tolist(), "stranger"]
    assert loaded.recommend(ids).equals(model.recommend(ids))
    assert loaded.recommend_to_items("g0001").equals(model.recommend_to_items("g0001"))
    assert (loaded.method, loaded.options, loaded.seed) == (model.method, model.options, model.seed)


def test_garments_that_joined_keep_their_places(saved, tmp_path) -> None:
    model, _ = saved
    joined = pl.DataFrame({"item_id": ["zz", "aa", "mm"], "kind": ["dress", "bag", "coat"], "family": ["x", "x", "y"]})
    grown = model.with_items(joined)
    again = Model.load(grown.save(tmp_path / "grown"))
    assert again.world.catalogue.ids.tolist()[-3:] == ["zz", "aa", "mm"]
    assert again.world.catalogue.ids.tolist() == grown.world.catalogue.ids.tolist()
    users = model.world.shoppers.ids[:3].tolist()
    assert again.recommend(users, k=300).equals(grown.recommend(users, k=300))


def test_saving_twice_gives_the_same_bytes(saved, tmp_path) -> None:
    again = saved[0].save(tmp_path / "again")
    for file in again.iterdir():
        assert file.read_bytes() == (saved[1] / file.name).read_bytes(), file.name


def test_an_existing_directory_is_kept_unless_told_otherwise(saved, copy) -> None:
    with pytest.raises(UsageError) as caught:
        saved[0].save(copy)
    assert caught.value.code == "destination_exists"
    (copy / "extra").write_text("x")
    saved[0].save(copy, overwrite=True)
    assert Model.load(copy).method == "two_tower"
    assert [p.name for p in copy.parent.iterdir()] == ["model"]


def test_every_flipped_byte_is_refused(copy) -> None:
    rng = stream(0, "flip")
    for file in sorted(copy.iterdir()):
        content = file.read_bytes()
        for _ in range(10):
            flipped = bytearray(content)
            flipped[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
            file.write_bytes(flipped)
            error = refused(copy)
            assert error.code == "damaged_file"
            assert file.name in error.where
        file.write_bytes(content)
    Model.load(copy)


def test_every_bit_of_the_manifest_counts(copy) -> None:
    """Names of fields, white space and what nobody reads too."""
    content = (copy / "manifest.json").read_bytes()
    for place in range(8 * 80):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        (copy / "manifest.json").write_bytes(flipped)
        assert refused(copy).code in {"damaged_file", "newer_format"}, place


@pytest.mark.parametrize("name", ["model.safetensors", "schema.json", "config.toml", "events.parquet", "manifest.json"])
def test_missing_truncated_and_extra_files_are_named(copy, name) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    assert name in refused(copy).where
    (copy / name).unlink()
    assert refused(copy).code == ("not_a_model" if name == "manifest.json" else "missing_file")
    (copy / name).write_bytes(content)
    (copy / "model.pkl").write_bytes(b"\x80\x04.")
    error = refused(copy)
    assert error.code == "extra_file"
    assert "model.pkl" in error.where


def test_not_a_number_weights_are_refused(copy, saved) -> None:
    params = {k: v.clone() for k, v in saved[0].fitted.params.items()}
    params["item"][0, 0] = torch.nan
    save_file(params, copy / "model.safetensors")
    reseal(copy, "model.safetensors")
    error = refused(copy)
    assert error.code == "non_finite"
    assert "'item'" in error.message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.toml", 'method = "no_such"\nseed = 0\n[options]\n'),
        ("config.toml", 'method = "two_tower"\nseed = 0\n[options]\nepochz = 3\n'),
        ("schema.json", "{}"),
        ("schema.json", "not json"),
        ("items.parquet", "not parquet"),
        ("model.safetensors", "not safetensors"),
        ("metrics.json", "nor this"),
    ],
)
def test_content_that_makes_no_sense_is_refused(copy, name, content) -> None:
    (copy / name).write_text(content)
    reseal(copy, name)
    assert refused(copy).code == "bad_content"


def test_weights_of_another_shape_are_refused(copy, saved) -> None:
    params = {k: v.clone() for k, v in saved[0].fitted.params.items()}
    params["item"] = params["item"][:-1].clone()
    save_file(params, copy / "model.safetensors")
    reseal(copy, "model.safetensors")
    error = refused(copy)
    assert error.code == "wrong_shape"
    assert "'item'" in error.message


def test_other_weights_of_the_same_shape_are_refused(copy, saved) -> None:
    params = {k: v.clone() for k, v in saved[0].fitted.params.items()}
    params["item"] = params["item"].flip(0).contiguous()
    save_file(params, copy / "model.safetensors")
    reseal(copy, "model.safetensors")
    assert refused(copy).code == "wrong_answer"


def test_a_newer_format_and_a_stranger_directory_are_refused(copy, tmp_path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format": artefact.FORMAT + 1}))
    assert refused(copy).code == "newer_format"
    assert refused(tmp_path).code == "not_a_model"
    assert refused(tmp_path / "nowhere").code == "not_a_model"


def test_a_file_of_another_size_or_kind_is_not_even_read(copy) -> None:
    target = copy / "metrics.json"
    with target.open("r+b") as file:
        file.truncate(6 * 2**30)  # sparse: takes no room until somebody reads it
    assert refused(copy).code == "damaged_file"
    target.unlink()
    target.symlink_to(copy / "config.toml")
    assert refused(copy).code == "damaged_file"
    target.unlink()
    target.mkdir()
    assert refused(copy).code == "damaged_file"


@pytest.mark.parametrize(
    "manifest", ["[]", '{"format": 1, "files": {"a": ["bytes", "sha256"]}}', "[" * 100_000, "\xff"]
)
def test_a_manifest_of_another_shape_is_damaged(copy, manifest) -> None:
    (copy / "manifest.json").write_text(manifest)
    assert refused(copy).code == "damaged_file"


def test_answers_that_are_not_numbers_are_wrong_answers(saved) -> None:
    expected = golden.record(saved[0])
    expected["scores"][0][0] = float("nan")
    with pytest.raises(ModelError) as caught:
        golden.check(saved[0], expected)
    assert caught.value.code == "wrong_answer"
