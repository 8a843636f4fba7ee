"""Outlines of the garments, as strokes on a 64 x 96 canvas.

Coordinates are pixels: x from the vertical middle (-32..32), y from the top (0..96).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Points: TypeAlias = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Stroke:
    """One step of a drawing.

    `fill` and `cut` add and remove a polygon, `oval` and `hole` an ellipse given by two corners, `line` adds a line of
    `width` pixels, `seam` draws a dark line of `width` on the cloth.
    """

    op: Literal["fill", "cut", "oval", "hole", "line", "seam"]
    points: Points
    width: float = 1.0


@dataclass(frozen=True)
class Shape:
    """A garment: strokes in order, and the height at which a motif sits in the middle."""

    strokes: tuple[Stroke, ...]
    motif_y: int
    motif_x: int = 0


def _both(*right: tuple[float, float]) -> Points:
    """Closed outline of a garment of which only the right half is given, from top to bottom."""
    return (*right, *((-x, y) for x, y in reversed(right)))


def _fill(*points: tuple[float, float]) -> Stroke:
    return Stroke("fill", points)


def _pair(op: Literal["oval", "hole", "line", "seam"], points: Points, width: float = 1.0) -> tuple[Stroke, Stroke]:
    """A stroke and its mirror image."""
    left = tuple((-x, y) for x, y in points)
    if op in ("oval", "hole"):
        left = ((left[1][0], left[0][1]), (left[0][0], left[1][1]))
    return Stroke(op, points, width), Stroke(op, left, width)


def _top(*, sleeve: float, length: float, waist: float, hem: float, neck: float = 7, depth: float = 5) -> Stroke:
    """Body of a top, dress or coat: `sleeve` its length (0 = straps), `length` the y of the hem; half widths."""
    if sleeve:
        cuff = (14 + 0.32 * sleeve, 17 + 0.94 * sleeve)
        arm: Points = ((14, 15), cuff, (cuff[0] - 7, cuff[1] + 2), (12, 33))
    else:
        arm = ((9.5, 12), (10, 24), (13, 32))
    middle = 33 + (length - 33) * 0.35 if length > 60 else 45
    return Stroke("fill", _both((0, 12 + depth), (neck, 12), *arm, (waist, middle), (hem, length), (0, length + 1)))


def _legs(*, hem: float, length: float, waist: float = 11) -> tuple[Stroke, ...]:
    """Trousers: `hem` the width of a leg at the bottom."""
    right = ((waist, 10), (waist + 4, 32), (4 + hem, length), (4, length), (1, 38))
    return (Stroke("fill", _both((0, 10), *right)), Stroke("seam", ((-waist - 1, 15), (waist + 1, 15))))


def _skirt(*, hem: float, length: float) -> tuple[Stroke, ...]:
    body = Stroke("fill", _both((0, 16), (11, 16), (14 if hem > 13 else 15, 30), (hem, length), (0, length + 1)))
    return (body, Stroke("seam", ((-12, 21), (12, 21))))


def _bag(width: float, top: float, bottom: float, handle: float, inner: float) -> tuple[Stroke, ...]:
    """A bag with a handle that reaches up to y `handle`; `inner` is its half width."""
    loop = ((-inner, top + 2), (-inner + 2, handle + 5), (0, handle), (inner - 2, handle + 5), (inner, top + 2))
    body = _both((0, top), (width, top), (width + 2, bottom - 4), (width - 1, bottom), (0, bottom))
    return (Stroke("line", loop, 3), Stroke("fill", body))


_V_NECK: dict[str, float] = {"neck": 6, "depth": 12}
_FRONT = Stroke("seam", ((0, 24), (0, 92)))
_COLLAR = _pair("seam", ((7, 13), (3, 26), (0, 24)))
_POCKETS = _pair("seam", ((5, 62), (11, 62)))

SHAPES: dict[str, Shape] = {
    "tote": Shape(_bag(20, 40, 82, 12, 10), 60),
    "clutch": Shape(
        (Stroke("fill", _both((0, 38), (25, 38), (25, 66), (0, 66))), Stroke("seam", ((-25, 39), (0, 54), (25, 39)))),
        56,
    ),
    "backpack": Shape(
        (*_bag(18, 26, 84, 14, 6), *_pair("oval", ((15, 52), (24, 80))), Stroke("seam", ((-14, 58), (14, 58)))), 42
    ),
    "crossbody bag": Shape((*_bag(18, 54, 84, 8, 17), Stroke("seam", ((-18, 64), (0, 70), (18, 64)))), 74),
    "trainers": Shape(
        (
            _fill((-24, 46), (-12, 42), (-4, 50), (12, 58), (24, 62), (26, 70), (-26, 70)),
            _fill((-27, 70), (27, 70), (25, 77), (-25, 77)),
            Stroke("seam", ((-27, 70), (27, 70)), 2),
            Stroke("seam", ((-4, 57), (3, 51))),
            Stroke("seam", ((2, 60), (9, 55))),
        ),
        61,
        -13,
    ),
    "ankle boots": Shape(
        (
            _fill((-16, 22), (8, 22), (8, 54), (24, 66), (26, 76), (-16, 76)),
            _fill((-16, 75), (-4, 75), (-4, 83), (-16, 83)),
            Stroke("seam", ((-16, 76), (26, 76)), 2),
        ),
        42,
        -4,
    ),
    "loafers": Shape(
        (
            _fill((-26, 52), (-16, 50), (-2, 57), (14, 57), (25, 65), (27, 72), (-26, 72)),
            _fill((-26, 71), (-12, 71), (-12, 77), (-26, 77)),
            Stroke("seam", ((-2, 57), (10, 62), (14, 57))),
            Stroke("seam", ((-26, 72), (27, 72)), 2),
        ),
        64,
        -14,
    ),
    "sandals": Shape(
        (
            _fill((-27, 68), (26, 68), (26, 74), (-27, 74)),
            Stroke("line", ((-22, 68), (-18, 46), (-6, 46), (-3, 68)), 4),
            Stroke("line", ((6, 68), (13, 57), (22, 68)), 6),
            Stroke("line", ((-4, 60), (12, 58)), 4),
        ),
        71,
    ),
    "heels": Shape(
        (
            _fill((-26, 36), (-16, 40), (-4, 56), (12, 60), (27, 72), (25, 77), (6, 77), (-14, 60), (-24, 58)),
            _fill((-25, 54), (-17, 58), (-21, 80), (-24, 80)),
        ),
        66,
        8,
    ),
    "beanie": Shape(
        (
            Stroke("oval", ((-21, 26), (21, 80))),
            Stroke("cut", ((-32, 62), (32, 62), (32, 96), (-32, 96))),
            _fill((-23, 58), (23, 58), (23, 70), (-23, 70)),
            Stroke("oval", ((-6, 18), (6, 30))),
            Stroke("seam", ((-23, 58), (23, 58)), 2),
        ),
        45,
    ),
    "cap": Shape(
        (
            Stroke("oval", ((-22, 32), (14, 84))),
            Stroke("cut", ((-32, 60), (32, 60), (32, 96), (-32, 96))),
            _fill((-4, 54), (14, 54), (27, 62), (26, 67), (-4, 61)),
            Stroke("seam", ((-22, 59), (14, 59))),
        ),
        46,
        -4,
    ),
    "sun hat": Shape(
        (
            Stroke("oval", ((-27, 52), (27, 72))),
            Stroke("oval", ((-15, 30), (15, 72))),
            Stroke("seam", ((-14, 56), (14, 56)), 3),
        ),
        45,
    ),
    "necklace": Shape(
        (
            Stroke("oval", ((-20, 10), (20, 66))),
            Stroke("hole", ((-17, 10), (17, 62))),
            Stroke("oval", ((-9, 60), (9, 82))),
        ),
        71,
    ),
    "earrings": Shape(
        (
            *_pair("oval", ((7, 28), (25, 72))),
            *_pair("hole", ((11, 34), (21, 60))),
            *_pair("line", ((16, 29), (16, 20)), 2),
        ),
        64,
        16,
    ),
    "bracelet": Shape((Stroke("oval", ((-25, 26), (25, 74))), Stroke("hole", ((-15, 32), (15, 60)))), 67),
    "scarf": Shape(
        (
            Stroke("oval", ((-19, 10), (19, 40))),
            Stroke("hole", ((-11, 14), (11, 28))),
            _fill((-3, 32), (13, 34), (17, 84), (0, 86)),
            _fill((-12, 34), (3, 33), (-4, 72), (-19, 70)),
            Stroke("seam", ((-3, 34), (-4, 70))),
        ),
        60,
        6,
    ),
    "silk square": Shape(
        (
            _fill((0, 22), (26, 48), (0, 76), (-26, 48)),
            Stroke("seam", ((0, 27), (21, 48), (0, 70), (-21, 48), (0, 27))),
        ),
        48,
    ),
    "belt": Shape(
        (
            Stroke("oval", ((-28, 34), (28, 68))),
            Stroke("hole", ((-23, 32), (23, 56))),
            _fill((-7, 56), (7, 56), (7, 72), (-7, 72)),
            Stroke("seam", ((-7, 57), (7, 57), (7, 71), (-7, 71), (-7, 57)), 2),
        ),
        64,
    ),
    "sunglasses": Shape(
        (
            *_pair("oval", ((4, 40), (25, 60))),
            Stroke("line", ((-5, 46), (5, 46)), 3),
            *_pair("line", ((23, 46), (26, 36)), 3),
        ),
        50,
        14,
    ),
    "mini dress": Shape((_top(sleeve=0, length=66, waist=11, hem=17),), 34),
    "midi dress": Shape((_top(sleeve=14, length=80, waist=10, hem=19), Stroke("seam", ((-11, 48), (11, 48)))), 32),
    "maxi dress": Shape(
        (_top(sleeve=0, length=92, waist=10, hem=23, **_V_NECK), Stroke("seam", ((-11, 50), (11, 50)))), 36
    ),
    "T-shirt": Shape((_top(sleeve=16, length=72, waist=14, hem=15),), 36),
    "blouse": Shape(
        (_top(sleeve=36, length=68, waist=12, hem=16, **_V_NECK), Stroke("seam", ((0, 24), (0, 68)))), 40, 6
    ),
    "shirt": Shape((_top(sleeve=40, length=76, waist=14, hem=15), *_COLLAR, Stroke("seam", ((0, 24), (0, 76)))), 40, 7),
    "tank top": Shape((_top(sleeve=0, length=68, waist=13, hem=14, depth=10),), 40),
    "jeans": Shape((*_legs(hem=8, length=88), *_pair("seam", ((5, 16), (12, 22)))), 28, 8),
    "wide-leg trousers": Shape(_legs(hem=17, length=90), 28, 8),
    "leggings": Shape(_legs(hem=5, length=88, waist=9), 28, 6),
    "shorts": Shape(_legs(hem=15, length=54, waist=12), 30, 9),
    "mini skirt": Shape(_skirt(hem=19, length=52), 36),
    "pencil skirt": Shape(_skirt(hem=12, length=76), 42),
    "flared skirt": Shape(_skirt(hem=27, length=74), 48),
    "trench coat": Shape(
        (
            _top(sleeve=44, length=88, waist=12, hem=18, **_V_NECK),
            *_COLLAR,
            _FRONT,
            Stroke("seam", ((-13, 50), (13, 50)), 3),
        ),
        38,
        7,
    ),
    "parka": Shape(
        (
            _top(sleeve=44, length=80, waist=15, hem=17),
            Stroke("oval", ((-10, 4), (10, 22))),
            Stroke("seam", ((0, 22), (0, 79)), 2),
            *_POCKETS,
        ),
        40,
        8,
    ),
    "blazer": Shape(
        (
            _top(sleeve=42, length=70, waist=12, hem=15, **_V_NECK),
            *_COLLAR,
            Stroke("seam", ((0, 24), (0, 70))),
            *_POCKETS,
        ),
        38,
        8,
    ),
    "jumper": Shape((_top(sleeve=42, length=72, waist=15, hem=14), Stroke("seam", ((-14, 67), (14, 67)))), 40),
    "cardigan": Shape(
        (_top(sleeve=42, length=76, waist=14, hem=15, neck=6, depth=18), Stroke("seam", ((0, 30), (0, 76)), 2)), 44, 7
    ),
    "polo neck": Shape(
        (
            _top(sleeve=42, length=70, waist=14, hem=14, depth=0),
            Stroke("fill", ((-7, 6), (7, 6), (8, 16), (-8, 16))),
            Stroke("seam", ((-8, 14), (8, 14))),
        ),
        38,
    ),
}
"""Shape of each type in `words.KINDS`."""
