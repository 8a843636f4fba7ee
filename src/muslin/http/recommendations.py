"""`POST /v1/recommendations`: garments for a shopper, known or not."""

import secrets
from typing import Annotated, Literal, NamedTuple

import msgspec
import polars as pl
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from muslin.engine.filters import Filters
from muslin.http.conditions import Conditions, Id, Warn, understood
from muslin.http.log import report
from muslin.http.popular import most_popular
from muslin.http.problems import BODY, ProblemError, documented
from muslin.http.service import NOBODY, Served, Service
from muslin.types import Path

Reason = Literal[
    "unknown_user", "unknown_session", "anonymous", "no_history", "no_candidates", "empty_catalogue", "model_error"
]
Count = Annotated[int, msgspec.Meta(ge=1, le=100)]


class RecommendationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks, for how many garments, and for which."""

    user_id: Annotated[Id | None, msgspec.Meta(description="a shopper; exclusive with session_id")] = None
    session_id: Annotated[Id | None, msgspec.Meta(description="a visit of nobody in particular")] = None
    n: Count = 20
    context_items: Annotated[
        tuple[Id, ...],
        msgspec.Meta(max_length=50, description="garments the shopper has just shown a liking for; not recommended"),
    ] = ()
    filters: Conditions = Conditions()
    domain: Annotated[Id | None, msgspec.Meta(description="only garments of this part of the catalogue")] = None


class Recommended(msgspec.Struct, frozen=True):
    """One garment; scores compare within an answer only."""

    item_id: str
    rank: int
    score: float
    path: Path


class Recommendations(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer. Fewer than `n` garments when fewer meet the conditions and are new to the shopper."""

    recommendation_id: str
    model_version: str
    degraded: Annotated[bool, msgspec.Meta(description="true when the model failed and popularity answered")]
    items: tuple[Recommended, ...]
    fallback_reason: Annotated[Reason | None, msgspec.Meta(description="why the answer is empty, or not personal")] = (
        None
    )
    warnings: tuple[Warn, ...] = ()


class _Shopper(NamedTuple):
    """Id to ask the engine for, context of it that the catalogue knows, and warnings about the rest."""

    id: str
    events: pl.DataFrame | None
    warnings: list[Warn]


class _Ranked(NamedTuple):
    frame: pl.DataFrame
    degraded: bool


@post(
    "/v1/recommendations",
    status_code=200,
    summary="Recommend garments to a shopper",
    opt={"query": (), "scope": "recs:read"},
    responses=documented(
        *BODY,
        "ambiguous_length",
        "exclusive_fields",
        "min_above_max",
        "headers_too_large",
        "internal_error",
        "not_ready",
        "overloaded",
    ),
)
async def recommend(data: JSONBody[RecommendationRequest], service: NamedDependency[Service]) -> Recommendations:
    """Rank garments for a known shopper, a new one, or nobody in particular.

    Ids the model does not know are never an error: the answer falls back, and says so.
    """
    if data.user_id is not None and data.session_id is not None:
        raise ProblemError("exclusive_fields", "/session_id")
    return await service.run(lambda served: answer(served, data))


def answer(served: Served, request: RecommendationRequest) -> Recommendations:
    """Answer of a model to a request; the same each time but for `recommendation_id`."""
    filters, warnings = understood(request.filters, request.domain, served.vocabulary)
    shopper = _shopper(served, request)
    ranked = _Ranked(pl.DataFrame(), False) if filters is None else _ranked(served, shopper, filters, request.n)
    columns = ("item_id", "rank", "score", "path")
    return Recommendations(
        recommendation_id=secrets.token_urlsafe(16),
        model_version=served.version,
        degraded=ranked.degraded,
        items=tuple(Recommended(*row) for row in ranked.frame.select(columns).iter_rows()) if len(ranked.frame) else (),
        fallback_reason=_reason(served, request, ranked),
        warnings=(*shopper.warnings, *warnings),
    )


def _shopper(served: Served, request: RecommendationRequest) -> _Shopper:
    """A session has no memory yet: what it is known by is its context, as for any stranger."""
    name = NOBODY if request.user_id is None else request.user_id
    rows = served.model.world.item_rows(request.context_items)
    detail = "The catalogue has no such item; it was left out."
    unknown = [Warn("unknown_item", f"/context_items/{at}", detail) for at, row in enumerate(rows) if row < 0]
    known = [item for item, row in zip(request.context_items, rows, strict=True) if row >= 0]
    events = pl.DataFrame({"user_id": [name] * len(known), "item_id": known}) if known else None
    return _Shopper(name, events, unknown)


def _ranked(served: Served, shopper: _Shopper, filters: Filters, n: int) -> _Ranked:
    """The model's ranking; popularity where it fails or gives nothing although there is something to give."""
    model, failed = served.model, False
    try:
        frame = model.recommend(shopper.id, n, filters=filters, events=shopper.events)
    except Exception as error:
        report("model_failed", error, {"model_version": served.version})
        frame, failed = pl.DataFrame(), True
    if len(frame):
        return _Ranked(frame, False)
    popular = most_popular(model, shopper.id, shopper.events, filters, n)
    return _Ranked(popular, failed or len(popular) > 0)


def _reason(served: Served, request: RecommendationRequest, ranked: _Ranked) -> Reason | None:
    if not len(served.model.world.catalogue):
        return "empty_catalogue"
    if not len(ranked.frame):
        return "no_candidates"
    if ranked.degraded:
        return "model_error"
    # A shopper the model knows nothing of gets popularity for every garment, so the first one tells.
    if ranked.frame["path"][0] != "fallback":
        return None
    if request.user_id is not None:
        known = served.model.world.user_rows([request.user_id])[0] >= 0
        return "no_history" if known else "unknown_user"
    return "anonymous" if request.session_id is None else "unknown_session"
