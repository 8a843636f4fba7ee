"""An event as a shop sends it, as the log keeps it, and what became of a batch of them."""

from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

MAX_EVENTS = 500
"""Events of a batch."""
MAX_BYTES = 32 * 1024
"""Bytes of one event, and of what is kept of one that is rejected."""

Id = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$(?![\r\n])")]
Word = Annotated[str, Meta(max_length=256)]


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where it happened."""

    device: Word | None = None
    page: Word | None = None


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Something a shopper did with a garment."""

    event_id: Id
    type: Annotated[str, Meta(min_length=1, max_length=64)]
    item_id: Id
    timestamp: Annotated[str, Meta(max_length=64)] | int
    user_id: Id | None = None
    session_id: Id | None = None
    value: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None
    price: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")] | None = None
    quantity: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    position: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    recommendation_id: Id | None = None
    context: Context | None = None


class Shopper(NamedTuple):
    """Who: a user, or a visit of nobody in particular. The same id of the other kind is somebody else."""

    kind: Literal["user", "session"]
    id: str


class Row(NamedTuple):
    """An event in the log. `shopper` is a keyed hash; `time`, `received` in µs UTC; `day` counts from 1970.

    `counted`: whether it is within the daily cap and adds to sums. `more`: the other fields, as JSON.
    """

    seq: int
    event_id: str
    received: int
    time: int
    day: int
    kind: str
    shopper: bytes
    item: str
    counted: bool
    more: bytes


class Fresh(NamedTuple):
    """A checked event that is not in the log yet.

    Its `place` in the batch, the `row` to be, the `body` as sent, the digest of that, and the `name` that its id is
    known by.
    """

    place: int
    row: Row
    body: bytes
    digest: bytes
    name: bytes


class Rejected(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event that was not taken: its place in the batch, its id if it has a usable one, and why."""

    index: int
    code: str
    detail: str
    event_id: str | None = None


class Bad(NamedTuple):
    """A rejected event with what is put in quarantine: what was sent (`unnamed`), and whose it is if one can tell."""

    rejected: Rejected
    raw: bytes
    shopper: bytes | None


class Receipt(msgspec.Struct, frozen=True):
    """What became of a batch.

    Everything accepted is on the disk and in the state, up to `committed_seq`. `dropped`: events of erased users.
    `pending`: those of the accepted whose garment the catalogue does not have yet.
    """

    accepted: int
    duplicates: int
    rejected: tuple[Rejected, ...]
    committed_seq: int
    dropped: int = 0
    pending: int = 0


class Taken(NamedTuple):
    """A garment in a shopper's history: the largest weight of an event with it, and the day of the newest."""

    item: str
    weight: float
    day: int


class Told(NamedTuple):
    """A shopper (keyed hash) among the first of a garment: the largest weight, and the day of the first event."""

    shopper: bytes
    weight: float
    day: int


class Stats(msgspec.Struct, frozen=True):
    """Counters since the state was opened, and sizes now."""

    committed_seq: int
    queue_depth: int
    items_in_memory: int
    users_in_memory: int
    evictions: int
    events: dict[tuple[str, str], int]
    """By type (`other` where rejected) and outcome: accepted, duplicate, dropped, rejected."""
    quarantined: dict[str, int]
    """By code."""
    wal_bytes: int
    snapshot_seq: int
    snapshot_at: int
    """µs UTC; 0 before the first."""
    recovery_seconds: float


def encoded(value: Any) -> bytes:
    """`value` as JSON with sorted keys: equal bytes for equal bodies."""
    return msgspec.json.encode(value, order="sorted")
