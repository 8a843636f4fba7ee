"""What is sent to the service and what comes back, as it describes them at `/openapi.json`.

Fields that a newer service adds to its answers are ignored.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec


def now() -> str:
    """The time, RFC 3339."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something a shopper did with a garment. The id is made here, so sending it again counts it once."""

    type: str
    item_id: str
    event_id: str = msgspec.field(default_factory=lambda: uuid4().hex)
    timestamp: str | int = msgspec.field(default_factory=now)
    """RFC 3339 or milliseconds since 1970."""
    user_id: str | None = None
    session_id: str | None = None
    value: float | None = None
    price: float | None = None
    currency: str | None = None
    quantity: int | None = None
    position: int | None = None
    recommendation_id: str | None = None
    context: dict[str, str] | None = None


class Rejected(msgspec.Struct, frozen=True):
    """An event that was not taken, and why."""

    index: int
    code: str
    detail: str
    event_id: str | None = None


class Receipt(msgspec.Struct, frozen=True):
    """What became of events: all accepted are on the service's disk."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejected, ...]
    committed_seq: int
    dropped: int = 0
    pending: int = 0


class PriceRange(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lowest and highest price, both inclusive."""

    min: float | None = None
    max: float | None = None


class Filters(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Conditions a garment must meet, all of them; of each list any one value."""

    in_stock: bool = False
    price: PriceRange | None = None
    categories: tuple[str, ...] = ()
    genders: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    exclude_items: tuple[str, ...] = ()


class Wish(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who asks, if no user, and what is wanted.

    `context_items`: garments just shown a liking for. `explore`: slots for new garments; None where events are kept.
    `explain`: with reasons. `min_seq`: wait shortly for events up to this `committed_seq`.
    """

    session_id: str | None = None
    context_items: tuple[str, ...] = ()
    filters: Filters = Filters()
    domain: str | None = None
    explore: bool | None = None
    explain: bool = False
    min_seq: int | None = None


class Reason(msgspec.Struct, frozen=True):
    """Why a garment is there: `like` one the shopper liked, `new` and being tried, or `popular`."""

    kind: str
    item_id: str | None = None
    likeness: float | None = None
    shared: dict[str, str] = {}


class Recommended(msgspec.Struct, frozen=True):
    """One garment; `path` says what its place rests on.

    `probability`: that it is the one taken next. `propensity`: with which it came into the answer, where slots were
    drawn for new garments; `explored` if it came into one of those.
    """

    item_id: str
    rank: int
    score: float
    probability: float
    path: str
    explored: bool
    propensity: float | None = None
    reasons: tuple[Reason, ...] | None = None


class Warn(msgspec.Struct, frozen=True):
    """Something in a request that had no effect."""

    code: str
    pointer: str
    detail: str


class Recommendations(msgspec.Struct, frozen=True):
    """Garments for a shopper."""

    recommendation_id: str
    model_version: str
    degraded: bool
    items: tuple[Recommended, ...]
    as_of_seq: int | None = None
    fallback_reason: str | None = None
    next_cursor: str | None = None
    warnings: tuple[Warn, ...] = ()


class Member(msgspec.Struct, frozen=True):
    """One shopper of an audience."""

    user_id: str
    rank: int
    score: float
    path: str


class Audience(msgspec.Struct, frozen=True):
    """Shoppers for a garment."""

    model_version: str
    users: tuple[Member, ...]


class Alike(msgspec.Struct, frozen=True):
    """One garment like another; `score` is a mean cosine."""

    item_id: str
    rank: int
    score: float


class Similar(msgspec.Struct, frozen=True):
    """Garments like a garment."""

    model_version: str
    items: tuple[Alike, ...]


class StockCount(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many of a garment there are."""

    item_id: str
    stock: int
    updated_at: str | int | None = None


class RejectedGarment(msgspec.Struct, frozen=True):
    """A row of the catalogue that was not taken; with `field`, only that field of it was not."""

    index: int
    code: str
    detail: str
    item_id: str | None = None
    field: str | None = None


class GarmentRemark(msgspec.Struct, frozen=True):
    """Something odd about rows that were taken."""

    code: str
    detail: str
    index: int | None = None
    field: str | None = None


class Changes(msgspec.Struct, frozen=True):
    """What became of changes to the catalogue."""

    accepted: int
    older: int
    unchanged: int
    rejected: tuple[RejectedGarment, ...]
    warnings: tuple[GarmentRemark, ...]
    committed_seq: int


class ImportJob(msgspec.Struct, frozen=True):
    """How an import stands: `received`, `running`, `held` until it is confirmed, `done` or `failed`."""

    job_id: str
    status: str
    mode: str
    read: int
    accepted: int
    older: int
    unchanged: int
    rejected: int
    leaving: int
    code: str | None = None
    detail: str | None = None
    where: str | None = None


class Reject(msgspec.Struct, frozen=True):
    """A row of a file that was not taken, or a field of it."""

    line: int
    code: str
    detail: str
    field: str | None = None
    raw: str = ""


class Rejects(msgspec.Struct, frozen=True):
    """A page of them."""

    rejects: tuple[Reject, ...]
    next_cursor: str | None = None


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user's columns by name; None removes the profile."""

    user_id: str
    profile: dict[str, Any] | None
    updated_at: str | int | None = None


class Kept(msgspec.Struct, frozen=True):
    """What became of profiles."""

    kept: int
    stale: int
    dropped: int
    committed_seq: int


class Comparison(msgspec.Struct, frozen=True):
    """A new model beside the serving one: mean NDCG@20 of each, and the interval of the paired difference."""

    requests: int
    serving: float
    candidate: float
    ci_low: float
    ci_high: float


class ModelInfo(msgspec.Struct, frozen=True):
    """One model in the service's memory."""

    model_id: str
    name: str
    state: str
    method: str
    items: int
    shoppers: int
    shadow: Comparison | None = None


class Models(msgspec.Struct, frozen=True):
    """The models in memory, the active one first."""

    models: tuple[ModelInfo, ...]
