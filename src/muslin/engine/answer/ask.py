"""A question, and what is known of who asks it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import polars as pl
import scipy.sparse as sp

from muslin.engine.filters import Filters
from muslin.features.space import World
from muslin.method import Scorer
from muslin.types import Users

NOBODY = "\x00"
"""Stands for a shopper without an id: data checks let no id with a control character in, so it is nobody's."""


class Event(NamedTuple):
    """Something a shopper did with a garment: its weight, and when (µs since 1970)."""

    item_id: str
    weight: float
    time: int


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Who asks for what."""

    shopper: str = NOBODY
    """Id of a user; of anybody else `NOBODY`."""
    events: Sequence[Event] = ()
    """What they did since training, and the garments they look at now."""
    profile: dict[str, Any] | None = None
    """Columns of a user whom the model does not know."""
    filters: Filters | None = field(default_factory=Filters)
    """None where no garment can meet the conditions."""
    n: int = 20
    explore: bool = False


def asked(world: World, method: Scorer, ask: Ask) -> Users:
    """The one shopper who asks, with training events and later ones; events with unknown garments are left out."""
    users = world.users([ask.shopper], _support(ask), method.evidence)
    if ask.profile is None or world.user_rows([ask.shopper])[0] >= 0:
        return users
    return replace(users, features=_profile(world, ask.profile))


def _support(ask: Ask) -> pl.DataFrame | None:
    if not ask.events:
        return None
    return pl.DataFrame(
        {
            "user_id": [ask.shopper] * len(ask.events),
            "item_id": [event.item_id for event in ask.events],
            "weight": pl.Series([event.weight for event in ask.events], dtype=pl.Float32),
            "timestamp": pl.Series([event.time for event in ask.events], dtype=pl.Int64).cast(_TIME),
        }
    )


_TIME = pl.Datetime("us", "UTC")


def _profile(world: World, profile: dict[str, Any]) -> sp.csr_matrix:
    """[1, F] features of a profile; what does not fit its column counts as missing."""
    columns = []
    for name, dtype in world.dataset.users.schema.items():
        value = profile.get(name)
        try:
            columns.append(pl.Series(name, [value], dtype=dtype, strict=False))
        except (TypeError, ValueError, pl.exceptions.PolarsError):
            columns.append(pl.Series(name, [None], dtype=dtype))
    return sp.csr_matrix(world.space.users.transform(pl.DataFrame(columns)).matrix)
