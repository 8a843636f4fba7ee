"""Pictures of garments: small palette PNGs drawn from shape, pattern, motif and colour.

A design is drawn once as an index map; its variants are the same pixels under another palette, so a colour costs no
drawing. All pixel arithmetic is on integers: the same seed gives the same bytes.
"""

import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from muslin.data.sources.boutique.catalogue import Designs, Garments
from muslin.data.sources.boutique.shapes import SHAPES, Stroke
from muslin.data.sources.boutique.words import COLOURS, KINDS, MOTIFS, PATTERNS
from muslin.progress import track
from muslin.random import stream
from muslin.types import Bools, Ints

WIDTH, HEIGHT = 64, 96
_FINE = 4  # strokes are drawn this many times larger, then averaged down to smooth edges
_WIDTHS = (0.82, 0.93, 1.02, 1.1)  # of each silhouette
_PAPER = (250, 249, 246)
_EDGE = 3  # palette 1..3: outline over paper, faint to full
_CLOTH, _ACCENT, _MOTIF, _SEAM = 4, 6, 8, 10  # palette index of each in the light; the next one is in the shade

Picture = NDArray[np.uint8]


class Cut(NamedTuple):
    """Pixels of a garment of one shape: `edge` the outline's palette index where there is no `cloth`."""

    edge: Picture
    cloth: Bools
    shade: Bools
    seam: Bools
    motif: tuple[int, int]


def pictures(garments: Garments, seed: int) -> Iterator[bytes]:
    """PNG of each garment, in item order."""
    designs = garments.designs
    marks = stream(seed, "boutique", "draw").integers(0, 2**16, (len(designs.kind), 4))
    last, pixels = -1, b""
    for item, design in enumerate(track(garments.design.tolist(), "boutique: pictures", len(garments.design))):
        if design != last:
            last = design
            pixels = _chunk(b"IDAT", _packed(_drawn(designs, design, marks[design])))
        yield _png(pixels, palette(int(garments.colour[item]), int(designs.accent[design])))


def _drawn(designs: Designs, design: int, marks: Ints) -> Picture:
    kind, silhouette = int(designs.kind[design]), int(designs.silhouette[design])
    return index_map(kind, silhouette, int(designs.pattern[design]), int(designs.motif[design]), marks)


def index_map(kind: int, silhouette: int, pattern: int, motif: int, marks: Ints) -> Picture:
    """Palette indices [96, 64] of a design; `marks` are four random numbers that place and scale its pattern."""
    cut = _cut(kind, silhouette)
    dx, dy, phase, scale = (int(m) for m in marks)
    printed = _printed(PATTERNS[pattern].en, phase % 17, scale % 3)
    signed = _signed(MOTIFS[motif], cut.motif)
    layer = np.where(signed, _MOTIF, np.where(printed, _ACCENT, _CLOTH))
    layer = np.where(cut.seam, _SEAM, layer + cut.shade)
    drawn = np.where(cut.cloth, layer, cut.edge).astype(np.uint8)
    return np.roll(drawn, (dy % 3 - 1, dx % 3 - 1), axis=(0, 1))


def palette(colour: int, accent: int) -> bytes:
    """RGB of each palette index for a garment in `colour` with a pattern in `accent`."""
    main = COLOURS[colour].rgb
    dark = _light(main) < 120
    second = COLOURS[accent].rgb
    if abs(_light(second) - _light(main)) < 50:
        second = (236, 230, 218) if dark else (70, 66, 72)
    sign = (252, 250, 244) if dark else (28, 26, 34)
    outline = _scaled(main, 45)
    edges = [_blend(_PAPER, outline, step, _EDGE) for step in range(_EDGE + 1)]
    seam = _scaled(main, 62) if _light(main) > 60 else _blend(main, (255, 255, 255), 1, 4)
    cloths = [tone for base in (main, second, sign) for tone in (base, _scaled(base, 84))]
    return bytes(channel for rgb in (*edges, *cloths, seam) for channel in rgb)


@cache
def _cut(kind: int, silhouette: int) -> Cut:
    shape = SHAPES[KINDS[kind].en]
    wide = _WIDTHS[silhouette]
    body = Image.new("L", (WIDTH * _FINE, HEIGHT * _FINE))
    seams = Image.new("L", body.size)
    for stroke in shape.strokes:
        _trace(ImageDraw.Draw(seams if stroke.op == "seam" else body), stroke, wide)
    edge = ((_shrunk(np.asarray(body)) * _EDGE + 127) // 255).astype(np.uint8)
    cloth = _shrunk(_eroded(np.asarray(body))) >= 128
    shade = cloth & ~np.roll(cloth, -5, axis=1)
    seam = cloth & (_shrunk(np.asarray(seams)) >= 110)
    return Cut(edge, cloth, shade, seam, (shape.motif_y, WIDTH // 2 + round(shape.motif_x * wide)))


def _trace(pen: ImageDraw.ImageDraw, stroke: Stroke, wide: float) -> None:
    at = [(round((WIDTH / 2 + x * wide) * _FINE), round(y * _FINE)) for x, y in stroke.points]
    ink = 0 if stroke.op in ("cut", "hole") else 255
    if stroke.op in ("fill", "cut"):
        pen.polygon(at, fill=ink)
    elif stroke.op in ("oval", "hole"):
        pen.ellipse(at, fill=ink)
    else:
        pen.line(at, fill=ink, width=round(stroke.width * _FINE), joint="curve")


def _eroded(fine: Picture) -> Picture:
    """`fine` less a rim of almost one final pixel, which the outline takes."""
    for axis in (0, 1):
        fine = np.minimum.reduce([np.roll(fine, step, axis) for step in range(1 - _FINE, _FINE)])
    return fine


def _shrunk(fine: Picture) -> Ints:
    """Mean of each square of `_FINE` x `_FINE` pixels, rounded down."""
    squares = fine.reshape(HEIGHT, _FINE, WIDTH, _FINE).astype(np.int64)
    return np.asarray(squares.sum(axis=(1, 3)) // _FINE**2)


@cache
def _printed(pattern: str, phase: int, scale: int) -> Bools:
    """Where the accent colour shows [96, 64]."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    step = 6 + 2 * scale
    u, v = x + phase, y + 2 * phase
    if pattern == "striped":
        return np.asarray(v % step < step // 2)
    if pattern == "pinstriped":
        return np.asarray(u % step == 0)
    if pattern == "checked":
        return np.asarray((u % (step + 2) < 3) | (v % (step + 2) < 3))
    if pattern == "dotted":
        return _discs(u + (v // step % 2) * (step // 2), v, step, 3 + 2 * scale)
    if pattern == "floral":
        return _blossoms(u, v, step + 4)
    if pattern == "zigzag":
        return np.asarray((v + np.abs(u % (2 * step) - step)) % step < step // 2)
    if pattern == "animal print":
        return _spots(u, v, 6 + scale)
    if pattern == "colour block":
        return np.asarray(y > 40 + phase)
    return np.zeros((HEIGHT, WIDTH), dtype=bool)


def _discs(u: Ints, v: Ints, step: int, area: int) -> Bools:
    return np.asarray((u % step - step // 2) ** 2 + (v % step - step // 2) ** 2 <= area)


def _blossoms(u: Ints, v: Ints, step: int) -> Bools:
    """Four petals around an empty heart, rows set off by half a step."""
    u = u + (v // step % 2) * (step // 2)
    a, b = u % step - step // 2, v % step - step // 2
    petal = (np.minimum((a - 3) ** 2, (a + 3) ** 2) + b**2 <= 4) | (np.minimum((b - 3) ** 2, (b + 3) ** 2) + a**2 <= 4)
    return np.asarray(petal & (a**2 + b**2 > 1))


def _spots(u: Ints, v: Ints, step: int) -> Bools:
    """Broken rings on a lattice, each pushed about and opened on one side by a hash of its cell."""
    mix = ((u // step) * 73856093 ^ (v // step) * 19349663) % 1_000_003 * 2654435761
    a, b = u % step - step // 2 + (mix >> 9) % 3 - 1, v % step - step // 2 + (mix >> 13) % 3 - 1
    opened = np.where((mix >> 17) % 2 == 0, a, b) * np.where((mix >> 19) % 2 == 0, 1, -1) >= 2
    return np.asarray((a**2 + b**2 <= 6) & (a**2 + b**2 >= 1) & ~opened)


@cache
def _signed(motif: str, at: tuple[int, int]) -> Bools:
    """Where the motif shows: within 5 pixels of `at` (y, x)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    b, a = y - at[0], x - at[1]
    near = np.maximum(np.abs(a), np.abs(b))
    signs: dict[str, Bools] = {
        "heart": ((np.abs(a) - 2) ** 2 + (b + 1) ** 2 <= 6) | ((np.abs(a) + b <= 4) & (b >= 0)),
        "star": (np.abs(a) * np.abs(b) <= 2) & (near <= 5),
        "leaf": ((a - 3) ** 2 + (b + 3) ** 2 <= 50) & ((a + 3) ** 2 + (b - 3) ** 2 <= 50) & (a != b),
        "moon": (a**2 + b**2 <= 22) & ((a - 3) ** 2 + (b + 1) ** 2 > 14),
        "bolt": (np.abs(5 * a + 10 + 4 * b) <= 6) & (b >= -5) & (b <= 0)
        | (np.abs(5 * a - 10 + 4 * b) <= 6) & (b >= 0) & (b <= 5)
        | (b == 0) & (np.abs(a) <= 3),
        "diamond": (np.abs(a) + np.abs(b) <= 5) & (np.abs(a) + np.abs(b) >= 3),
        "cross": (np.abs(np.abs(a) - np.abs(b)) <= 1) & (near <= 4),
    }
    return np.asarray(signs.get(motif, np.zeros((HEIGHT, WIDTH), dtype=bool)))


def _light(rgb: tuple[int, int, int]) -> int:
    return (rgb[0] * 30 + rgb[1] * 59 + rgb[2] * 11) // 100


def _scaled(rgb: tuple[int, int, int], percent: int) -> tuple[int, int, int]:
    return _blend((0, 0, 0), rgb, percent, 100)


def _blend(start: tuple[int, int, int], stop: tuple[int, int, int], step: int, steps: int) -> tuple[int, int, int]:
    r, g, b = ((s * (steps - step) + e * step) // steps for s, e in zip(start, stop, strict=True))
    return r, g, b


def _packed(pixels: Picture) -> bytes:
    """Compressed scanlines at 4 bits a pixel, each unfiltered."""
    rows = np.zeros((HEIGHT, 1 + WIDTH // 2), dtype=np.uint8)
    rows[:, 1:] = pixels[:, ::2] << 4 | pixels[:, 1::2]
    return zlib.compress(rows.tobytes(), 6)


def _png(pixels: bytes, colours: bytes) -> bytes:
    """PNG file (W3C PNG, third edition, section 5) of an IDAT chunk and its palette."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 4, 3, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"PLTE", colours) + pixels + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
