"""Picture files of strangers as pixels, safely.

The bytes may be anything: cut short, something else under a picture's name, or made to exhaust memory. Whatever they
are, `decode`, `admitted` and `reencode` answer with what was asked for or with `Refused`; they never raise and never
warn. `admitted` is the gate of an import: a file that is a picture and nothing else passes as it is, to the bit; one
that carries something along (a JPEG that is a zip too) is made anew from its pixels.

What is made alike: orientation is applied, of an animation the first frame is taken, transparent parts become white,
greys of 16 bits, palettes and CMYK become red, green and blue of 8 bits. Colour profiles are ignored: sRGB is assumed.

A decoded picture keeps its proportions: it fills a square as far as it can and a white margin takes the rest. Product
pictures have white grounds more often than not, and a coat must not become as wide as a shirt. Margins of the border's
colour and stretching were measured beside it on H&M pictures and made no difference to the neighbours found.

Memory: at `PIXEL_LIMIT` about 500 MB for a moment, 700 MB for WebP with alpha; most JPEGs are read smaller at once.
Any number of threads may decode; pictures of more than `CROWD_LIMIT` pixels wait for one another.
"""

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from muslin.data.picture_ends import is_picture_only

Pixels: TypeAlias = NDArray[np.uint8]
"""Red, green and blue, 0..255: one picture [size, size, 3] or several [n, size, size, 3]."""

VERSION = "1"
"""Changes whenever the pixels change that `decode` gives for the same bytes."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SIZE_LIMIT = 20 * 2**20
"""Bytes of a picture file; a larger one is refused."""
PIXEL_LIMIT = 40_000_000
CROWD_LIMIT = 4_000_000
"""Pixels up to which pictures are decoded side by side, some 50 MB each."""
SMALLEST_SIDE, LONGEST_SIDE = 8, 16_384
FLAT = 4
"""A picture whose channels each span fewer levels (of 256) than this is of one colour."""
MOST_SCANS = 100
"""Of a progressive JPEG. Each is a pass over the whole picture for a few bytes; encoders write about ten."""

_SCAN = re.compile(rb"\xff\xda\x00[\x06-\x0e]")
_BEGINNINGS = re.compile(rb"\xff\xd8\xff|\x89PNG|RIFF.{4}WEBP|GIF8|BM", re.DOTALL)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112  # the EXIF tag
_CHECKED_AT = 224
"""Side at which `admitted` looks at a picture: what most encoders read."""


class Refused(NamedTuple):
    """Why there are no pixels: `not_a_picture`, `truncated`, `too_large` or `uninformative`, and a sentence."""

    code: str
    reason: str


class _Quiet:
    """No warnings while anyone decodes.

    Warning filters belong to the process, and threads that each changed and restored them would leave them changed: so
    the first to come changes them and the last to go restores them.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._filters = threading.Lock(), 0, warnings.catch_warnings()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._filters.__exit__(None, None, None)


_quiet = _Quiet()
_one_large = threading.Lock()


def decode(content: bytes, size: int) -> Pixels | Refused:
    """Pixels [size, size, 3] of the picture file `content`, its long side `size`, centred on white."""
    picture = _read(content, size)
    return picture if isinstance(picture, Refused) else _squared(picture, size)


def admitted(content: bytes) -> bytes | Refused:
    """`content` itself when it is a picture and nothing else, a clean file where it carries something along.

    Pixels are looked at as `decode` at 224 does, so that what is admitted can be embedded.
    """
    picture = _read(content, _CHECKED_AT)
    if isinstance(picture, Refused):
        return picture
    return content if is_picture_only(content) else reencode(content)


def reencode(content: bytes) -> bytes | Refused:
    """A clean file of the same pixels, fit to be shown: nothing else of `content` is in it.

    What was stored with loss (JPEG, WebP) becomes a JPEG, anything else a PNG.
    """
    picture = _read(content, None)
    if isinstance(picture, Refused):
        return picture
    file = io.BytesIO()
    # A picture made from an array carries no profile, comment or EXIF along.
    clean = Image.fromarray(np.asarray(picture))
    if content.startswith((b"\xff\xd8", b"RIFF")):
        clean.save(file, "JPEG", quality=92)
    else:
        clean.save(file, "PNG")
    return file.getvalue()


def _read(content: bytes, side: int | None) -> Image.Image | Refused:
    """The picture upright in RGB; where a `side` is wanted it may come smaller, but no smaller than twice that."""
    if len(content) > SIZE_LIMIT:
        return Refused("too_large", f"the file is larger than {SIZE_LIMIT // 2**20} MB")
    if content.startswith(b"\xff\xd8") and len(_SCAN.findall(content)) > MOST_SCANS:
        return Refused("too_large", f"a JPEG of more than {MOST_SCANS} scans takes too long to decode")
    with _quiet():
        try:
            return _checked(content, side)
        except Image.DecompressionBombError:
            return _too_many_pixels()
        except MemoryError:
            return Refused("too_large", "there is not enough memory to decode it")
        except Exception:  # hostile bytes make Pillow raise nearly every kind there is
            return _unreadable(content)


def _checked(content: bytes, side: int | None) -> Image.Image | Refused:
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > PIXEL_LIMIT or max(width, height) > LONGEST_SIDE:
            return _too_many_pixels()
        if min(width, height) < SMALLEST_SIDE:
            return Refused("uninformative", f"{width} x {height} pixels show nothing")
        if picture.format == "PNG":
            with Image.open(io.BytesIO(content), formats=["PNG"]) as other:
                other.verify()  # the checksums, which decoding leaves unread
        if side:
            scale = 2 * side / max(width, height)
            picture.draft(None, (max(1, int(width * scale)), max(1, int(height * scale))))
        with _one_large if picture.width * picture.height > CROWD_LIMIT else nullcontext():
            picture.load()
            plain = _upright(picture, _rgb(picture))
    if np.ptp(np.reshape(plain.getextrema(), (3, 2)), axis=1).max() < FLAT:
        return Refused("uninformative", "the picture is of one colour")
    return plain


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # greys of 16 bits, which Pillow would clip
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if not picture.has_transparency_data:
        return _as(picture, "RGB")
    layered = _as(picture, "RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(layered, mask=layered.getchannel("A"))
    return white


def _as(picture: Image.Image, mode: str) -> Image.Image:
    return picture if picture.mode == mode else picture.convert(mode)  # which would copy


def _upright(picture: Image.Image, plain: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF is no reason to refuse sound pixels
        turn = None
    return plain if turn is None else plain.transpose(turn)


def _squared(picture: Image.Image, size: int) -> Pixels:
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    fitted = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
    canvas = np.full((size, size, 3), 255, dtype=np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    canvas[top : top + height, left : left + width] = np.asarray(fitted)
    return canvas


def _too_many_pixels() -> Refused:
    limits = f"{PIXEL_LIMIT // 10**6} million pixels, {LONGEST_SIDE:,} a side"
    return Refused("too_large", f"the picture is larger than allowed ({limits})")


def _unreadable(content: bytes) -> Refused:
    if not content or _BEGINNINGS.match(content):
        return Refused("truncated", "the file is damaged or cut short")
    return Refused("not_a_picture", f"this is none of {', '.join(FORMATS)}")
