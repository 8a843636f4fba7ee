"""`GET /v1/items/{item_id}/similar`: the garments most like a garment."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from muslin.http.problems import OF_ITEM, ProblemError, documented
from muslin.http.service import Served, Service


class Alike(msgspec.Struct, frozen=True):
    """One garment; `score` is the mean cosine (-1 to 1) of the columns both have."""

    item_id: str
    rank: int
    score: float


class Similar(msgspec.Struct, frozen=True):
    """Garments in order, without the family of the one asked for."""

    model_version: str
    items: tuple[Alike, ...]


@get(
    "/v1/items/{item_id:str}/similar",
    summary="Find garments like a garment",
    opt={"query": ("n",), "scope": "recs:read"},
    responses=documented(*OF_ITEM),
)
async def similar(
    item_id: FromPath[str],
    service: NamedDependency[Service],
    n: Annotated[int, QueryParameter(ge=1, le=100, description="how many garments")] = 20,
) -> Similar:
    """Compare by content alone, so that a garment of today is as near as one of last year."""
    return await service.survey(lambda served: answer(served, item_id, n))


def answer(served: Served, item: str, n: int) -> Similar:
    """Garments like `item` that are there; raises `ProblemError` (`unknown_item`)."""
    state = served.shop.state
    if state.index(item) < 0:
        raise ProblemError("unknown_item")
    hidden = state.model.world.catalogue.ids[state.hidden].tolist()
    found = state.model.similar(item, min(n + len(hidden), len(state)))
    gone = set(hidden)
    there = [(name, score) for name, score in found.select("similar_id", "score").iter_rows() if name not in gone]
    return Similar(served.version, tuple(Alike(name, at + 1, score) for at, (name, score) in enumerate(there[:n])))
