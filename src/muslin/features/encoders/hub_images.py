"""Pictures through any encoder in the layout of Hugging Face that the user names: CLIP, SigLIP, DINOv2, ResNet, ViT.

A model that puts pictures and texts into one space gives its picture features; any other what it pools, or, where its
files hold no pooler, its first token or the mean over the picture. Pictures come as squares from `data.decode`;
only the model's own scaling of the colours is applied.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from muslin.data.decode import Pixels
from muslin.features.encoders.hub_model import Stored, bad_model, find, first_line, load
from muslin.types import Floats

_BATCH = 16
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class HubImages:
    """An `ImageEncoder`; `mean` and `std` are of each colour in 0..1."""

    name: str
    version: str
    width: int
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pools: bool
    model: Any = field(repr=False, compare=False)

    def encode(self, pictures: Pixels) -> Floats:
        """Unit vectors [n, width] of `pictures` [n, size, size, 3]."""
        parts = [self._vectors(pictures[low : low + _BATCH]).numpy() for low in range(0, len(pictures), _BATCH)]
        return np.vstack([np.zeros((0, self.width), dtype=np.float32), *parts])

    def _vectors(self, pictures: Pixels) -> Tensor:
        colours = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
        scaled = (colours - torch.tensor(self.mean).view(1, 3, 1, 1)) / torch.tensor(self.std).view(1, 3, 1, 1)
        with torch.inference_mode():
            return torch.nn.functional.normalize(self._pooled(scaled), dim=1)

    def _pooled(self, scaled: Tensor) -> Tensor:
        if hasattr(self.model, "get_image_features"):
            features = self.model.get_image_features(pixel_values=scaled)
            return (
                features if isinstance(features, Tensor) else _tensor(features.pooler_output)
            )  # as the release has it
        out = self.model(pixel_values=scaled)
        if self.pools and getattr(out, "pooler_output", None) is not None:
            return _tensor(out.pooler_output).flatten(1)
        state = _tensor(out.last_hidden_state)
        return state[:, 0] if state.ndim == 3 else state.mean(dim=(2, 3))


def load_images(source: str) -> HubImages:
    """Encoder of the model `source`, on the processor.

    Raises `UsageError` (`missing_extra`, `missing_model`) and `DataError` (`model_unreachable`, `not_a_model`,
    `no_safetensors`, `bad_model`).
    """
    stored = find(source)
    model, complete = load(stored)
    size, mean, std = _preprocessing(stored, model)
    draft = HubImages(stored.name, stored.version, 0, size, mean, std, complete, model)
    try:
        return replace(draft, width=draft._vectors(np.full((1, size, size, 3), 128, dtype=np.uint8)).shape[1])
    except Exception as error:  # what a model that reads something else makes of a picture
        raise bad_model(stored, f"it does not read pictures ({first_line(error)})") from None


def _preprocessing(stored: Stored, model: Any) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """(side in pixels, mean and std of the colours), as its `preprocessor_config.json` says; else ImageNet's."""
    path = stored.folder / "preprocessor_config.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        vision = getattr(model.config, "vision_config", model.config)
        sides = (said.get("crop_size"), said.get("size"), getattr(vision, "image_size", None), 224)
        size = next(side for side in map(_side, sides) if side)
        mean, std = (
            tuple(map(float, said.get(f"image_{k}", d))) for k, d in zip(("mean", "std"), _IMAGENET, strict=True)
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_model(stored, f"its preprocessor_config.json makes no sense ({first_line(error)})") from None
    if not 8 <= size <= 2048 or len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise bad_model(stored, f"it wants pictures of {size} pixels, mean {mean}, std {std}")
    return size, mean, std


def _side(said: Any) -> int:
    """Side that a size setting means: a number, or the first of a mapping such as `shortest_edge`; 0 for none."""
    if isinstance(said, dict):
        said = next(iter(said.values()), 0)
    return int(said or 0)


def _tensor(value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError("it gives no tensor")
    return value
