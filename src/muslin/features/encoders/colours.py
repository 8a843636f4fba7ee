"""The colours in the middle of a picture, as a histogram: what a network trained on objects overlooks.

EfficientNet tells a dress from a coat and takes little notice of its colour. On H&M's pictures the nearest garment of
another family has the same colour group for .48 of the garments by EfficientNet, .65 by this histogram, and the same
type for .68 and .27 (`examples/similar_garments.py --check`): each says what the other does not.

Source: Swain and Ballard 1991 (IJCV 7(1)), histograms of colour; counts shared between neighbouring bins as in Dalal
and Triggs 2005 (CVPR), section 6.4; compared through their square roots (Hellinger), Arandjelović and Zisserman 2012
(CVPR), section 2.
Differs: bins of CIE L*a*b*, where equal distances look equally large; only the middle of the picture, for the garment
is there and the background around it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from muslin.data.decode import Pixels
from muslin.errors import UsageError
from muslin.types import Floats, Ints

_LIGHT, _SHADES, _STEP = 6, 9, 20.0
"""Bins of lightness 0..100; bins of a* and of b*, which are this far apart and centred on grey."""
_MIDDLE = slice(13, 51)
_BATCH = 64
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], dtype=np.float32)
_WHITE = np.array([0.9505, 1.0, 1.089], dtype=np.float32)


@dataclass(frozen=True)
class Colours:
    """The `ImageEncoder` called `colours`. Needs no weights."""

    name: ClassVar[str] = "colours"
    version: ClassVar[str] = "1"
    width: ClassVar[int] = _LIGHT * _SHADES * _SHADES
    size: ClassVar[int] = 64

    def encode(self, pictures: Pixels) -> Floats:
        """Square roots of the shares of each colour [n, 486], unit length, of `pictures` [n, 64, 64, 3] uint8.

        Raises `UsageError` for pictures of another shape or type.
        """
        if pictures.shape != (len(pictures), self.size, self.size, 3) or pictures.dtype != np.uint8:
            message = (
                f"pictures are {list(pictures.shape)} {pictures.dtype}, not [n, {self.size}, {self.size}, 3] uint8"
            )
            raise UsageError(message, code="wrong_shape", fix=f"use data.decode.decode(content, {self.size})")
        out = np.zeros((len(pictures), self.width), dtype=np.float32)
        for low in range(0, len(pictures), _BATCH):
            block = pictures[low : low + _BATCH, _MIDDLE, _MIDDLE]
            out[low : low + _BATCH] = np.sqrt(_shares(lab(block.reshape(len(block), -1, 3))))
        return out


def lab(pixels: Pixels) -> Floats:
    """CIE L*a*b* [..., 3] (white D65) of sRGB `pixels` [..., 3] 0..255."""
    light = pixels.astype(np.float32) / 255
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def _shares(colour: Floats) -> NDArray[np.float64]:
    """Histogram [n, 486] that sums to one, of the pixels `colour` [n, p, 3]."""
    n, p, _ = colour.shape
    place = np.stack(
        [
            np.clip(colour[..., 0] / 100 * _LIGHT - 0.5, 0, _LIGHT - 1.001),
            np.clip(colour[..., 1] / _STEP + (_SHADES - 1) / 2, 0, _SHADES - 1.001),
            np.clip(colour[..., 2] / _STEP + (_SHADES - 1) / 2, 0, _SHADES - 1.001),
        ]
    )
    bins = _LIGHT * _SHADES * _SHADES
    total = np.zeros(n * bins)
    for code, weight in _corners(place):
        total += np.bincount((code + bins * np.arange(n)[:, None]).ravel(), weight.ravel(), minlength=n * bins)
    shares: NDArray[np.float64] = total.reshape(n, bins) / p
    return shares


def _corners(place: Floats) -> Iterator[tuple[Ints, Floats]]:
    """Each of the eight bins around `place` [3, n, p] and the share of the pixel that falls to it."""
    low = place.astype(np.int64)
    far = place - low
    for corner in np.ndindex(2, 2, 2):
        up = np.array(corner)[:, None, None]
        light, a, b = low + up
        yield (light * _SHADES + a) * _SHADES + b, np.prod(np.where(up == 1, far, 1 - far), axis=0)
