"""The shadow gate: a new model is asked what the serving one was asked, before anyone sees its answers.

Each request is a shopper's garments but the last, asked for in the name of a stranger; the last one is what should come
back. Both models get the same requests. The new one is refused when its scores are constant or not finite, or when it
is worse than the serving model by more than a tolerance and the interval of the paired difference says so too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from muslin.engine.answer.ask import NOBODY
from muslin.engine.model import Model
from muslin.errors import ModelError
from muslin.random import stream
from muslin.types import Floats

REQUESTS = 200
"""Shoppers asked at most."""
TOLERANCE = 0.02
"""Share of the serving model's NDCG that a new one may lose."""
CONSTANT = 0.5
"""Share of requests for which every garment may have the same score."""
_CUT = 20
_HISTORY = 50
_NORMAL = 1.96
_FIX = "fit it again; do not serve it"


class Asked(NamedTuple):
    """What a shopper took before, and what next."""

    before: tuple[str, ...]
    taken: str


@dataclass(frozen=True)
class Shadow:
    """How a new model did beside the serving one: mean NDCG@20 of each, and the paired 95 % interval."""

    requests: int
    serving: float
    candidate: float
    low: float
    high: float


def held_out(model: Model, seed: int = 0) -> list[Asked]:
    """Requests from the training events of `model`: the last event of up to `REQUESTS` shoppers who have two."""
    world = model.world
    names = np.asarray(world.catalogue.ids)
    events = world.data.events
    frame = pl.DataFrame({"shopper": events.user, "item": names[events.item].tolist(), "time": events.time})
    return requests(frame, seed)


def requests(events: pl.DataFrame, seed: int = 0) -> list[Asked]:
    """Requests from rows `shopper, item, time`: of each drawn shopper the last garment, after those before it."""
    ordered = events.sort("shopper", "time", "item").unique(["shopper", "item"], keep="first", maintain_order=True)
    lists = ordered.group_by("shopper", maintain_order=True).agg("item")
    lists = lists.filter(pl.col("item").list.len() > 1)
    taken = [tuple(row) for row in lists["item"].to_list()]
    drawn = stream(seed, "shadow").permutation(len(taken))[:REQUESTS]
    return [Asked(taken[i][-_HISTORY - 1 : -1], taken[i][-1]) for i in sorted(drawn)]


def check(serving: Model, candidate: Model, asked: Sequence[Asked], *, accept_worse: bool = False) -> Shadow:
    """How `candidate` does beside `serving`; garments that one of them lacks are left out of the requests.

    Raises `ModelError`: `shadow_non_finite`, `shadow_constant`, and `shadow_worse` unless that is accepted.
    """
    kept = [one for one in (_known(serving, candidate, one) for one in asked) if one is not None]
    if not kept:
        return Shadow(0, 0.0, 0.0, 0.0, 0.0)
    _refuse_senseless(candidate, kept)
    ours, theirs = _gains(serving, kept), _gains(candidate, kept)
    difference = theirs - ours
    spread = _NORMAL * float(difference.std(ddof=1)) / math.sqrt(len(kept)) if len(kept) > 1 else math.inf
    mean, base = float(difference.mean()), float(ours.mean())
    found = Shadow(len(kept), base, float(theirs.mean()), mean - spread, mean + spread)
    if found.high < -TOLERANCE * base and not accept_worse:
        why = (
            f"on {found.requests} held-out requests its NDCG@{_CUT} is {found.candidate:.4f}, that of the serving "
            f"model {found.serving:.4f}"
        )
        raise ModelError(why, code="shadow_worse", fix="find out why, or load it with accept_worse")
    return found


def _known(serving: Model, candidate: Model, one: Asked) -> Asked | None:
    names = [*one.before, one.taken]
    there = (serving.world.item_rows(names) >= 0) & (candidate.world.item_rows(names) >= 0)
    before = tuple(name for name, known in zip(one.before, there, strict=False) if known)
    return Asked(before, one.taken) if there[-1] and before else None


def _support(asked: Sequence[Asked]) -> tuple[list[str], pl.DataFrame]:
    """Ids that nobody has, control characters being refused in real ones, and the events of their bearers."""
    strangers = [f"{NOBODY}{place}" for place in range(len(asked))]
    rows = [(name, item) for name, one in zip(strangers, asked, strict=True) for item in one.before]
    return strangers, pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")


def _gains(model: Model, asked: Sequence[Asked]) -> Floats:
    """NDCG@20 of each request: there is one right answer."""
    strangers, events = _support(asked)
    wanted = pl.DataFrame({"user_id": strangers, "item_id": [one.taken for one in asked]})
    found = model.recommend(strangers, _CUT, events=events).join(wanted, on=["user_id", "item_id"])
    rank = dict(found.select("user_id", "rank").iter_rows())
    return np.array([1 / math.log2(1 + rank[name]) if name in rank else 0.0 for name in strangers], dtype=np.float32)


def _refuse_senseless(model: Model, asked: Sequence[Asked]) -> None:
    strangers, events = _support(asked)
    support = events.with_columns(weight=pl.lit(1.0, dtype=pl.Float32))
    world = model.world
    scores = model.score(world.users(strangers, support, model.fitted.method.evidence), world.items()).numpy()
    if not np.isfinite(scores).all():
        raise ModelError("its scores are not finite", code="shadow_non_finite", fix=_FIX)
    spread = scores.max(axis=1) - scores.min(axis=1)
    if scores.shape[1] > 1 and (spread <= 1e-6 * np.abs(scores).max(axis=1)).mean() > CONSTANT:
        raise ModelError("it gives every garment the same score", code="shadow_constant", fix=_FIX)
