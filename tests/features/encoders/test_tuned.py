"""A tuned encoder keeps what moved, says what taught it, and is refused when it is not what was written."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image

from muslin.errors import ModelError, UsageError
from muslin.features.cache import embed_pictures
from muslin.features.encoder import ImageEncoder
from muslin.features.encoders import efficientnet_lite0, tuned_files
from muslin.features.encoders.tuned import BACKBONE, About, Validation, fingerprints, projected
from muslin.features.encoders.tuned_files import load, write
from muslin.random import stream, torch_stream

SIZE, WIDTH = 32, 7
TAUGHT = ["a", "b", "日本", "0001"]


def about(**changes) -> About:
    base = {
        "stage": "head",
        "width": WIDTH,
        "size": SIZE,
        "strength": 0.5,
        "seed": 3,
        "epochs": {"head": 2},
        "validation": Validation(0.1, 0.2, 0.05, 0.15, 100, 40),
        "weights": tuned_files.weights_digest(),
    }
    return About(**{**base, **changes})


def tensors(stage: str = "head") -> dict[str, torch.Tensor]:
    rng = torch_stream(0, "tuned")
    made = {"centre": torch.randn(1280, generator=rng) / 100, "spread": torch.tensor([0.03])}
    made["projection"] = torch.randn(1280, WIDTH, generator=rng)
    if stage == "adapter":
        made |= {"down": torch.randn(1280, 5, generator=rng), "down_bias": torch.randn(5, generator=rng)}
        made["up"] = torch.randn(5, 1280, generator=rng)
    if stage == "top":
        base = efficientnet_lite0.load(SIZE).params
        made[f"{BACKBONE}head.bias"] = base["head.bias"] + 0.1
    return made


@pytest.fixture
def pictures() -> np.ndarray:
    return stream(0, "pictures").integers(256, size=(3, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("stage", ["head", "adapter", "top"])
def test_what_is_loaded_encodes_as_what_was_written(tmp_path, pictures, stage) -> None:
    params = tensors(stage)
    encoder: ImageEncoder = load(write(tmp_path / "e", about(stage=stage), params, TAUGHT))
    base = efficientnet_lite0.load(SIZE)
    moved = {n.removeprefix(BACKBONE): v for n, v in params.items() if n.startswith(BACKBONE)}
    pooled = torch.from_numpy(replace(base, params=base.params | moved).encode(pictures))
    x = (pooled - params["centre"]) / params["spread"]
    if stage == "adapter":
        x = x + F.linear(F.relu(F.linear(x, params["down"].T, params["down_bias"])), params["up"].T)
    expected = F.normalize(F.linear(x, params["projection"].T)).numpy()
    found = encoder.encode(pictures)
    assert (found.shape, found.dtype) == ((3, WIDTH), np.float32)
    assert np.abs(found - expected).max() < 1e-5
    assert (encoder.name, encoder.width, encoder.size) == ("tuned", WIDTH, SIZE)


def test_an_encoder_that_did_not_help_is_the_backbone(tmp_path, pictures) -> None:
    encoder = load(write(tmp_path / "e", about(stage="frozen", width=1280, strength=None), {}, []))
    assert np.array_equal(encoder.encode(pictures), efficientnet_lite0.load(SIZE).encode(pictures))
    assert not encoder.taught_by(["a"]).any()


def test_it_tells_which_items_taught_it(tmp_path) -> None:
    encoder = load(write(tmp_path / "e", about(), tensors(), [*TAUGHT, "a"]))
    assert encoder.taught_by(["b", "1", "0001", "日本", "A", ""]).tolist() == [True, False, True, True, False, False]
    assert encoder.taught_by([]).tolist() == []
    assert encoder.taught.tolist() == sorted(encoder.taught.tolist())
    assert len(encoder.taught) == 4
    assert fingerprints(["a"]).tolist() == [int.from_bytes(bytes.fromhex("ca978112ca1bbdca"), "little", signed=True)]


def test_the_ids_themselves_are_not_in_the_files(tmp_path) -> None:
    write(tmp_path / "e", about(), tensors(), ["shopper-visible-id-12345"])
    assert all(b"shopper-visible" not in path.read_bytes() for path in (tmp_path / "e").iterdir())


def test_the_same_encoder_is_the_same_bytes_and_another_has_another_version(tmp_path) -> None:
    for name, changes in (("a", {}), ("b", {}), ("c", {"seed": 4})):
        write(tmp_path / name, about(**changes), tensors(), TAUGHT)
    content = {name: [p.read_bytes() for p in sorted((tmp_path / name).iterdir())] for name in "abc"}
    assert content["a"] == content["b"] != content["c"]
    versions = [load(tmp_path / name).version for name in "abc"]
    assert versions[0] == versions[1] != versions[2]


def test_the_cache_serves_it_and_keeps_versions_apart(tmp_path) -> None:
    file = io.BytesIO()
    Image.fromarray(stream(0, "png").integers(256, size=(20, 16, 3), dtype=np.uint8)).save(file, "PNG")
    one, other = (load(write(tmp_path / str(n), about(seed=n), tensors(), TAUGHT)) for n in (1, 2))
    fresh = [
        embed_pictures(encoder, [file.getvalue()], total=1, cache=tmp_path / "cache").fresh
        for encoder in (one, one, other, other)
    ]
    assert fresh == [1, 0, 1, 0]


def test_only_an_encoder_is_overwritten(tmp_path) -> None:
    write(tmp_path / "e", about(), tensors(), TAUGHT)
    with pytest.raises(UsageError) as caught:
        write(tmp_path / "e", about(), tensors(), TAUGHT)
    assert caught.value.code == "destination_exists"
    write(tmp_path / "e", about(seed=9), tensors(), TAUGHT, overwrite=True)
    assert load(tmp_path / "e").about.seed == 9
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    with pytest.raises(UsageError) as caught:
        write(tmp_path / "other", about(), tensors(), TAUGHT, overwrite=True)
    assert caught.value.code == "not_a_tuning"


def flip(path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def edit(path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda d: shutil.rmtree(d), "not_a_tuning"),
        (lambda d: (d / "encoder.json").unlink(), "not_a_tuning"),
        (lambda d: (d / "encoder.safetensors").unlink(), "missing_file"),
        (lambda d: flip(d / "encoder.safetensors"), "damaged_file"),
        (lambda d: (d / "encoder.safetensors").write_bytes(b""), "damaged_file"),
        (lambda d: (d / "encoder.json").write_bytes(b"\xff{"), "damaged_file"),
        (lambda d: (d / "encoder.json").write_text("[]"), "damaged_file"),
        (lambda d: edit(d / "encoder.json", size=64), "damaged_file"),
        (lambda d: edit(d / "encoder.json", extra=1), "damaged_file"),
        (lambda d: edit(d / "encoder.json", stage="middle"), "damaged_file"),
        (lambda d: edit(d / "encoder.json", format=2), "newer_format"),
    ],
)
def test_a_damaged_directory_is_refused(tmp_path, damage, code) -> None:
    write(tmp_path / "e", about(), tensors(), TAUGHT)
    damage(tmp_path / "e")
    with pytest.raises(ModelError) as caught:
        load(tmp_path / "e")
    assert caught.value.code == code
    assert str(tmp_path / "e") in caught.value.where
    assert caught.value.fix


@pytest.mark.parametrize(
    ("changes", "params", "code"),
    [
        ({"weights": "0" * 64}, tensors(), "other_backbone"),
        ({"width": 8}, tensors(), "wrong_shape"),
        ({"stage": "frozen"}, tensors(), "wrong_shape"),
        ({"stage": "adapter"}, tensors(), "wrong_shape"),
        ({}, tensors("adapter"), "wrong_shape"),
        ({"stage": "top"}, tensors() | {f"{BACKBONE}head.bias": torch.zeros(3)}, "wrong_shape"),
        ({"stage": "top"}, tensors() | {f"{BACKBONE}nothing": torch.zeros(3)}, "wrong_shape"),
        ({}, tensors() | {"spread": torch.tensor([float("nan")])}, "non_finite"),
        ({}, tensors() | {"spread": torch.tensor([1], dtype=torch.int64)}, "non_finite"),
    ],
)
def test_well_sealed_nonsense_is_refused(tmp_path, changes, params, code) -> None:
    write(tmp_path / "e", about(**changes), params, TAUGHT)
    with pytest.raises(ModelError) as caught:
        load(tmp_path / "e")
    assert caught.value.code == code


def test_vectors_are_differentiable_in_every_tensor() -> None:
    params = {n: v.double().requires_grad_() for n, v in tensors("adapter").items()}
    pooled = F.normalize(torch.rand(2, 1280, generator=torch_stream(0, "pooled"), dtype=torch.float64))
    projected(params, pooled)[:, 0].sum().backward()
    assert all(value.grad.abs().max() > 0 for value in params.values())
