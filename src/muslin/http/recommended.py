"""What is asked of `POST /v1/recommendations`, and what comes back."""

from typing import Annotated, Literal

import msgspec

from muslin.engine.answer.reasons import Reason
from muslin.http.conditions import Conditions, Id, Warn
from muslin.http.cursors import LONGEST
from muslin.types import Path

Why = Literal[
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
    explore: Annotated[
        bool | None, msgspec.Meta(description="some slots for new garments; default: where events are kept")
    ] = None
    explain: Annotated[bool, msgspec.Meta(description="say why each garment is there")] = False
    min_seq: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None,
        msgspec.Meta(description="wait shortly for events up to this committed_seq"),
    ] = None
    cursor: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)] | None,
        msgspec.Meta(description="next_cursor of an answer: its next page; only n and explain may stand beside it"),
    ] = None


class Recommended(msgspec.Struct, frozen=True, omit_defaults=True):
    """One garment; scores compare within an answer only."""

    item_id: str
    rank: int
    score: float
    probability: Annotated[
        float,
        msgspec.Meta(description="that it is taken next: of all that may be shown, or as the method says where it can"),
    ]
    path: Path
    explored: Annotated[bool, msgspec.Meta(description="drawn for a slot of new garments")]
    propensity: Annotated[
        float | None, msgspec.Meta(description="probability that it is in the answer; only where slots were drawn")
    ] = None
    reasons: tuple[Reason, ...] | None = None


class Recommendations(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer. Fewer than `n` garments when fewer meet the conditions and are new to the shopper."""

    recommendation_id: str
    model_version: str
    degraded: Annotated[bool, msgspec.Meta(description="the model failed and popularity answered, or min_seq is ahead")]
    items: tuple[Recommended, ...]
    as_of_seq: Annotated[int | None, msgspec.Meta(description="events up to this one count; none are kept: null")] = (
        None
    )
    fallback_reason: Annotated[Why | None, msgspec.Meta(description="why the answer is empty, or not personal")] = None
    next_cursor: str | None = None
    warnings: tuple[Warn, ...] = ()
