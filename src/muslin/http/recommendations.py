"""`POST /v1/recommendations`: garments for a shopper, known or not."""

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from muslin.http.answering import answer, behind, next_page
from muslin.http.problems import BODY, ProblemError, documented
from muslin.http.recommended import RecommendationRequest, Recommendations
from muslin.http.service import Service


@post(
    "/v1/recommendations",
    status_code=200,
    summary="Recommend garments to a shopper",
    opt={"query": (), "scope": "recs:read"},
    responses=documented(
        *BODY,
        "ambiguous_length",
        "bad_cursor",
        "stale_cursor",
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
    if data.cursor is None:
        late = await behind(service.remembered(), data.min_seq)
        return await service.run(lambda served: answer(service, served, data, late=late))
    alone = RecommendationRequest(n=data.n, explain=data.explain, cursor=data.cursor)
    if data != alone:
        raise ProblemError("exclusive_fields", "/cursor")
    return await service.run(lambda served: next_page(service, served, data))
