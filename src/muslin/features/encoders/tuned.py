"""A picture encoder taught by a shop: EfficientNet-Lite0 with what `recipes.tune_pictures` learned on top of it.

A tuning that did not help is an encoder too, of the stage `frozen`: it moves nothing and gives the backbone's vectors.
How one is kept on disk: `tuned_files`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import msgspec
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin import __version__
from muslin.data.decode import Pixels
from muslin.features.encoders.efficientnet_lite0 import EfficientNetLite0
from muslin.types import Bools, Floats, Ints, Params

Stage: TypeAlias = Literal["head", "adapter", "top"]
"""What is learned beside the projection: nothing, an adapter after pooling, or the top of the backbone."""
FORMAT = 1
"""Version of the description this code writes; it reads this and older ones."""
BACKBONE = "backbone/"
"""Prefix of tensors of the backbone that moved."""


class Validation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """NDCG@20 on items held out from tuning by whole families, of cosines of picture vectors alone.

    `low` and `high`: 95 % interval of tuned minus frozen, over `shoppers` and `items`.
    """

    frozen: float
    tuned: float
    low: float
    high: float
    shoppers: int
    items: int


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an encoder is and how it came about. `strength` is None where it was infinite; `epochs` of each stage."""

    stage: Stage | Literal["frozen"]
    width: int
    size: int
    strength: float | None
    seed: int
    epochs: dict[str, int]
    validation: Validation | None
    weights: str
    """sha256 of the backbone's file of weights."""
    muslin: str = __version__
    format: int = FORMAT


@dataclass(frozen=True, eq=False, repr=False)
class Tuned:
    """An `ImageEncoder`. `params` as `projected` reads them; `taught`: sorted fingerprints of the items it learned."""

    name: ClassVar[str] = "tuned"
    backbone: EfficientNetLite0
    params: Params
    about: About
    taught: Ints
    digest: str

    @property
    def version(self) -> str:
        """Changes whenever the vectors change."""
        return f"{FORMAT}-{self.digest[:16]}"

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.about.width

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""
        return self.about.size

    def encode(self, pictures: Pixels) -> Floats:
        """Unit vectors [n, width] of `pictures` [n, size, size, 3] uint8. Raises as `EfficientNetLite0.encode` does."""
        pooled = self.backbone.encode(pictures)
        if self.about.stage == "frozen":
            return pooled
        with torch.inference_mode():
            vectors: Floats = projected(self.params, torch.from_numpy(pooled)).numpy()
        return vectors

    def taught_by(self, ids: Sequence[str]) -> Bools:
        """[len(ids)] whether each item was among those whose events taught this encoder.

        An honest evaluation asks for none of those. Who took them is not kept, so an encoder that was taught before a
        cut between shoppers or in time cannot be used on it at all: tune inside the cut.
        """
        return np.isin(fingerprints(ids), self.taught)


def projected(params: Params, pooled: Tensor) -> Tensor:
    """Unit vectors [B, K] of unit pooled vectors [B, E]; differentiable.

    `centre` [E] and `spread` [1] bring them to mean 0 and size 1; `down` [E, A], `down_bias` [A] and `up` [A, E], where
    there, add a bottleneck's correction (Houlsby et al. 2019, arXiv 1902.00751, section 2.1); `projection` [E, K].
    """
    x = (pooled - params["centre"]) / params["spread"]
    if "up" in params:
        x = x + (x @ params["down"] + params["down_bias"]).relu() @ params["up"]
    return F.normalize(x @ params["projection"], dim=1)


def fingerprints(ids: Sequence[str]) -> Ints:
    """First 8 bytes of the sha256 of each id, as numbers."""
    digests = (hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8] for name in ids)
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)
