"""What is asked of the routes of the catalogue, and what comes back."""

from typing import Annotated, Any, TypeAlias

import msgspec

from muslin.engine.assortment.outcome import Outcome
from muslin.engine.shop import Done
from muslin.http.conditions import Id

MOST = 500
"""Garments of a request."""

Moment: TypeAlias = Annotated[str, msgspec.Meta(max_length=64)] | int
Column: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Garment: TypeAlias = Annotated[
    dict[Column, Any],
    msgspec.Meta(
        description="item_id, columns of the catalogue by name, and optionally updated_at (RFC 3339 or integer ms), "
        "stock, family, domain, or category_path in place of the category's columns"
    ),
]


class Garments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 500 garments; a bad one does not keep the others out."""

    items: Annotated[list[Any], msgspec.Meta(min_length=1, description="objects as Garment describes them")]


class StockCount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many of a garment there are."""

    item_id: Id
    stock: Annotated[int, msgspec.Meta(ge=0, lt=10**9)]
    updated_at: Moment | None = None


class StockCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 500 counts."""

    items: Annotated[list[StockCount], msgspec.Meta(min_length=1)]


class RejectedGarment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row that was not taken; with `field`, only that field of it was not."""

    index: int
    code: str
    detail: str
    item_id: str | None = None
    field: str | None = None


class GarmentRemark(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something odd about rows that were taken; `index` is the first of them."""

    code: str
    detail: str
    index: int | None = None
    field: str | None = None


class Changes(msgspec.Struct, frozen=True):
    """What became of a request. What is accepted is on the disk, where there is one, and in the next answer."""

    accepted: int
    older: Annotated[int, msgspec.Meta(description="rows that a newer updated_at overrules")]
    unchanged: Annotated[int, msgspec.Meta(description="rows that say what is there already")]
    rejected: tuple[RejectedGarment, ...]
    warnings: tuple[GarmentRemark, ...]
    committed_seq: int


def changes(done: Done, names: list[str | None]) -> Changes:
    """Answer about a change of the garments `names`, in the order sent."""
    outcome: Outcome = done.outcome
    rejected = tuple(RejectedGarment(r.index, r.code, r.detail, names[r.index], r.field) for r in outcome.refused)
    remarks = tuple(GarmentRemark(r.code, r.detail, r.index, r.field) for r in outcome.remarks)
    return Changes(outcome.accepted, outcome.older, outcome.unchanged, rejected, remarks, done.seq)
