"""EfficientNet-Lite0 as a pure function of its weights.

Source: Tan & Le 2019 (ICML), table 1 (the baseline network, B0), with the changes its authors published as "Lite" in
2020: no squeeze-and-excitation, ReLU6 for swish. A block is the inverted bottleneck of Sandler et al. 2018 (CVPR),
section 3.3. Convolutions pad as TensorFlow's SAME does, an odd pixel going below and to the right, and pixels are
scaled by (x - 127) / 128, because the published weights were trained so.
Differs: batch normalisation is folded into the convolution before it, with the statistics of the training set. What
is left is half as many layers that give the same numbers; when such parameters are trained further, the statistics
stay as they are. There is no dropout and no classifier: the answer is the pooled last layer.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.types import Params

WIDTH = 1280
"""Length of the pooled last layer."""
_STAGES = (
    (3, 1, False, 1),
    (3, 2, True, 2),
    (5, 2, True, 2),
    (3, 2, True, 3),
    (5, 1, True, 3),
    (5, 2, True, 4),
    (3, 1, True, 1),
)
"""Kernel, stride of the first block, whether channels are expanded inside, number of blocks."""
_EPSILON = 1e-3


class Block(NamedTuple):
    """One inverted bottleneck: expand, filter each channel by itself, project; where shapes allow, add the input."""

    kernel: int
    stride: int
    expands: bool
    adds: bool


def _blocks() -> Iterator[Block]:
    for kernel, stride, expands, repeats in _STAGES:
        yield Block(kernel, stride, expands, adds=False)
        yield from [Block(kernel, 1, expands, adds=True)] * (repeats - 1)


BLOCKS = tuple(_blocks())
LAST = len(BLOCKS) - 1
"""Number of the last block, from 0."""


def folded(checkpoint: Mapping[str, Tensor]) -> Params:
    """Parameters for `embed` from a published checkpoint; KeyError where it is one of another network.

    Names: `stem`, `head` and `blocks.<0..15>.<expand|filter|project>`, each with `.weight` and `.bias`.
    """
    params = _fold(checkpoint, "stem", "_conv_stem", "_bn0") | _fold(checkpoint, "head", "_conv_head", "_bn1")
    for number, block in enumerate(BLOCKS):
        theirs = f"_blocks.{number}._"
        parts = [("expand", "expand_conv", "bn0")] if block.expands else []
        for part, convolution, norm in [
            *parts,
            ("filter", "depthwise_conv", "bn1"),
            ("project", "project_conv", "bn2"),
        ]:
            params |= _fold(checkpoint, f"blocks.{number}.{part}", theirs + convolution, theirs + norm)
    return params


def _fold(checkpoint: Mapping[str, Tensor], name: str, convolution: str, norm: str) -> Params:
    weight = checkpoint[f"{convolution}.weight"].double()
    gain, shift, mean, variance = (
        checkpoint[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gain / (variance + _EPSILON).sqrt()
    return {
        f"{name}.weight": (weight * factor[:, None, None, None]).float(),
        f"{name}.bias": (shift - mean * factor).float(),
    }


def scaled(pictures: Tensor) -> Tensor:
    """Network input [B, 3, S, S] of pictures [B, S, S, 3] uint8; in memory the channels stay last, which is faster."""
    return pictures.permute(0, 3, 1, 2).float().sub_(127).div_(128)


def embed(params: Params, pixels: Tensor) -> Tensor:
    """Pooled last layer [B, 1280], 0..6, not of unit length, of `pixels` [B, 3, S, S]; trained at S = 224."""
    return tail(params, trunk(params, pixels))


def trunk(params: Params, pixels: Tensor, upto: int = LAST) -> Tensor:
    """What block `upto` reads, of `pixels` [B, 3, S, S]: [B, 192, S/32, S/32] for the last block, 7 x 7 at S = 224."""
    x = _clipped(_convolved(params, "stem", pixels, stride=2))
    for number, block in enumerate(BLOCKS[:upto]):
        x = _bottleneck(params, f"blocks.{number}", block, x)
    return x


def tail(params: Params, maps: Tensor, start: int = LAST) -> Tensor:
    """Pooled last layer [B, 1280] of what `trunk` with `upto=start` gave.

    Differentiable in both arguments, and leaves `maps` as they are. `embed` is `tail` of `trunk`, to the bit.
    """
    x = maps
    for number, block in enumerate(BLOCKS[start:], start):
        x = _bottleneck(params, f"blocks.{number}", block, x)
    return _clipped(_convolved(params, "head", x)).mean((2, 3))


def _bottleneck(params: Params, name: str, block: Block, x: Tensor) -> Tensor:
    inner = _clipped(_convolved(params, f"{name}.expand", x)) if block.expands else x
    inner = _clipped(_convolved(params, f"{name}.filter", inner, stride=block.stride, groups=inner.shape[1]))
    inner = _convolved(params, f"{name}.project", inner)
    return inner.add_(x) if block.adds else inner


def _convolved(params: Params, name: str, x: Tensor, *, stride: int = 1, groups: int = 1) -> Tensor:
    weight, bias = params[f"{name}.weight"], params[f"{name}.bias"]
    kernel = weight.shape[-1]
    if stride == 1:
        return F.conv2d(x, weight, bias, padding=kernel // 2, groups=groups)
    bottom, right = (_missing(side, kernel, stride) for side in x.shape[2:])
    x = F.pad(x, (right // 2, right - right // 2, bottom // 2, bottom - bottom // 2))
    return F.conv2d(x, weight, bias, stride=stride, groups=groups)


def _missing(side: int, kernel: int, stride: int) -> int:
    """Pixels to add so that ceil(side / stride) positions fit."""
    return max((-(-side // stride) - 1) * stride + kernel - side, 0)


def _clipped(x: Tensor) -> Tensor:
    """ReLU6, in place: `x` is always a convolution's fresh result, whose gradient does not need it."""
    return F.hardtanh_(x, 0.0, 6.0)
