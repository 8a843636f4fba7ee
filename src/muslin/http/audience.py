"""`GET /v1/items/{item_id}/audience`: the shoppers a garment should be shown to."""

from dataclasses import replace
from typing import Annotated

import msgspec
import polars as pl
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

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
    return await service.run(lambda served: answer(served, item_id, n))


def answer(served: Served, item: str, n: int) -> Audience:
    """Audience of `item` by a model; raises `ProblemError` (`unknown_item`)."""
    engine = served.shop.engine()
    row = engine.state.index(item)
    if row < 0:
        raise ProblemError("unknown_item")
    frame = replace(engine.state.model, fitted=engine.warmed.fitted).recommend_to_items(item, n)
    if row in engine.warmed.rows:
        frame = frame.with_columns(path=pl.lit("warming"))
    rows = frame.select("user_id", "rank", "score", "path").iter_rows()
    return Audience(served.version, tuple(Member(*row) for row in rows))
