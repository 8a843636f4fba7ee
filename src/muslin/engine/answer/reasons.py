"""Why a garment is in a list, in words that can be checked: what it is like, and what the two share."""

from typing import Literal

import msgspec
import numpy as np

from muslin.engine.similar import likeness
from muslin.features.space import World
from muslin.types import Ints

SHARED = 3
"""Attributes named at most."""
LIKED = 50
"""Garments of a history that are looked at."""


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """`like`: near a garment the shopper liked; `new`: it is being tried; `popular`: many took it."""

    kind: Literal["like", "new", "popular"]
    item_id: str | None = None
    likeness: float | None = None
    """Mean of the cosines (-1..1) of the columns both garments have."""
    shared: dict[str, str] = {}
    """Columns in which both have the same value."""


def reasons(world: World, row: Ints, liked: Ints, explored: np.ndarray, *, fallback: bool) -> list[tuple[Reason, ...]]:
    """Reasons [n] of the garments `row` [n] for a shopper whose garments, newest or dearest first, are `liked`."""
    near = _nearest(world, row, liked[:LIKED])
    out = []
    for place, garment in enumerate(row.tolist()):
        found: list[Reason] = []
        if explored[place]:
            found.append(Reason("new"))
        nearest = near[place]
        if nearest is not None:
            found.append(_like(world, garment, *nearest))
        elif not explored[place] and (fallback or world.popularity[garment] > 0):
            found.append(Reason("popular"))
        out.append(tuple(found))
    return out


def _nearest(world: World, row: Ints, liked: Ints) -> list[tuple[int, float] | None]:
    if not len(liked) or not len(row):
        return [None] * len(row)
    score = likeness(world, row, liked)
    place = score.argmax(axis=1)
    value = score[np.arange(len(row)), place]
    return [(int(liked[p]), float(v)) if v > 0 else None for p, v in zip(place, value, strict=True)]


def _like(world: World, garment: int, other: int, score: float) -> Reason:
    items, roles = world.dataset.items, world.dataset.schema.items
    left, right = items.row(garment, named=True), items.row(other, named=True)
    names = dict.fromkeys((*roles.category, *roles.categorical, *roles.hashed))
    same = {name: str(left[name]) for name in names if left[name] is not None and left[name] == right[name]}
    fewest = dict(list(reversed(same.items()))[:SHARED])  # the finest levels and last named columns say most
    return Reason("like", str(world.catalogue.ids[other]), round(score, 4), fewest)
