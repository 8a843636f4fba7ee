"""`GET /v1/items/{item_id}/audience`: the shoppers a garment should be shown to."""

from dataclasses import replace
from typing import Annotated

import msgspec
import polars as pl
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online
from muslin.http.problems import OF_ITEM, ProblemError, documented
from muslin.http.service import Served, Service
from muslin.types import Path


class Member(msgspec.Struct, frozen=True):
    """One shopper; scores compare within an answer only."""

    user_id: str
    rank: int
    score: float
    path: Path


class Audience(msgspec.Struct, frozen=True):
    """Shoppers in order, without those who have the garment already."""

    model_version: str
    users: tuple[Member, ...]


@get(
    "/v1/items/{item_id:str}/audience",
    summary="Find the shoppers for a garment",
    opt={"query": ("n",), "scope": "recs:read"},
    responses=documented(*OF_ITEM),
)
async def audience(
    item_id: FromPath[str],
    service: NamedDependency[Service],
    n: Annotated[int, QueryParameter(ge=1, le=100, description="how many shoppers")] = 20,
) -> Audience:
    """Rank the shoppers the model was trained on for one garment, be it new or known."""
    return await service.survey(lambda served: answer(served, service.remembered(), item_id, n))


def answer(served: Served, online: Online | None, item: str, n: int) -> Audience:
    """Audience of `item`, without who took it in training or since; raises `ProblemError` (`unknown_item`)."""
    engine = served.shop.engine()
    row = engine.state.index(item)
    if row < 0:
        raise ProblemError("unknown_item")
    model, wanted = replace(engine.state.model, fitted=engine.warmed.fitted), n
    while True:
        found = model.recommend_to_items(item, wanted)
        left = [user for user in found["user_id"] if not _took(online, user, item)]
        if len(left) >= n or len(found) < wanted:
            break
        wanted *= 4
    frame = found.filter(pl.col("user_id").is_in(left[:n])).with_columns(rank=pl.int_range(1, pl.len() + 1))
    if row in engine.warmed.rows:
        frame = frame.with_columns(path=pl.lit("warming"))
    rows = frame.select("user_id", "rank", "score", "path").iter_rows()
    return Audience(served.version, tuple(Member(*row) for row in rows))


def _took(online: Online | None, user: str, item: str) -> bool:
    """Whether a shopper took a garment since the model was fitted."""
    return online is not None and any(taken.item == item for taken in online.history(Shopper("user", user)))
