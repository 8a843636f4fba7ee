"""The catalogue over HTTP: garments join, change, sell out and leave, from the next answer on."""

from collections.abc import Sequence
from typing import Any

from litestar import delete, patch, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from muslin.engine.assortment.change import Stock
from muslin.engine.assortment.sift import AHEAD
from muslin.engine.online.moments import BadTimeError, micros
from muslin.engine.online.online import clock
from muslin.engine.shop import Done
from muslin.http.item_bodies import MOST, Changes, Garment, Garments, StockCounts, changes
from muslin.http.problems import BODY, STORED, Fault, ProblemError, documented
from muslin.http.service import Service
from muslin.http.strict_json import below

_WRITE = {"query": (), "scope": "items:write"}


@put(
    "/v1/items",
    status_code=200,
    summary="Add or replace garments",
    opt=_WRITE,
    responses=documented(*BODY, *STORED, "too_many_items"),
)
async def put_items(data: JSONBody[Garments], service: NamedDependency[Service]) -> Changes:
    """Keep the newest row of each garment, by `updated_at`; one without it is new now.

    A row replaces the whole row that was there. Bad rows are listed with a code and set aside; the others are kept.
    """
    _refuse_many(data.items)
    done = await service.change(lambda shop: shop.put(data.items, clock()))
    _set_aside(service, done)
    return changes(done, [_name(row) for row in data.items])


@patch(
    "/v1/items/{item_id:str}",
    summary="Change some columns of a garment",
    opt=_WRITE,
    responses=documented(*BODY, *STORED, "unknown_item", "garment_refused"),
)
async def patch_item(item_id: FromPath[str], data: JSONBody[Garment], service: NamedDependency[Service]) -> Changes:
    """Change the columns that are given; null takes a value away."""
    if "item_id" in data:
        raise ProblemError("unknown_field", "/item_id")
    done = _found(await service.change(lambda shop: shop.patch(item_id, data, clock())))
    _set_aside(service, done)
    if done.outcome.refused and not done.outcome.accepted:
        faults = [Fault(below("", refusal.field or ""), refusal.code) for refusal in done.outcome.refused]
        raise ProblemError("garment_refused", faults=faults)
    return changes(done, [item_id])


@delete(
    "/v1/items/{item_id:str}",
    status_code=200,
    summary="Take a garment out",
    opt=_WRITE,
    responses=documented(*STORED, "unknown_item"),
)
async def delete_item(item_id: FromPath[str], service: NamedDependency[Service]) -> Changes:
    """Show a garment to nobody any more. A newer row brings it back."""
    done = _found(await service.change(lambda shop: shop.hide(item_id, clock())))
    return changes(done, [item_id])


@patch(
    "/v1/items:stock",
    summary="Say how many there are",
    opt=_WRITE,
    responses=documented(*BODY, *STORED, "too_many_items", "invalid_value"),
)
async def patch_stock(data: JSONBody[StockCounts], service: NamedDependency[Service]) -> Changes:
    """Keep the newest stock of each garment; it has an `updated_at` of its own."""
    _refuse_many(data.items)
    now = clock()
    times = [_moment(count.updated_at, place, now) for place, count in enumerate(data.items)]
    counts = [Stock(count.item_id, count.stock, at) for count, at in zip(data.items, times, strict=True)]
    done = await service.change(lambda shop: shop.restock(counts, now))
    _set_aside(service, done)
    return changes(done, [count.item_id for count in counts])


def _found(done: Done | None) -> Done:
    if done is None:
        raise ProblemError("unknown_item")
    return done


def _refuse_many(rows: Sequence[Any]) -> None:
    if len(rows) > MOST:
        raise ProblemError("too_many_items", "/items")


def _moment(moment: str | int | None, place: int, now: int) -> int:
    if moment is None:
        return now
    try:
        at = micros(moment)
    except BadTimeError:
        at = None
    if at is None or at > now + AHEAD:
        raise ProblemError("invalid_value", f"/items/{place}/updated_at")
    return at


def _name(row: Any) -> str | None:
    """The id of a row that has a usable one: an unusable one is not repeated."""
    name = row.get("item_id") if isinstance(row, dict) else None
    return name if isinstance(name, str) and name.isprintable() and len(name) <= 256 else None


def _set_aside(service: Service, done: Done) -> None:
    service.set_aside(done.outcome.refused)
