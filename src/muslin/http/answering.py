"""How a request for recommendations is answered, first pages and later ones."""

import asyncio
import secrets
import time
from collections import Counter
from typing import NamedTuple

import numpy as np

from muslin.engine.answer import answer as engine_answer
from muslin.engine.answer.answer import Answered, Engine
from muslin.engine.answer.ask import Ask
from muslin.engine.answer.last_resort import most_popular
from muslin.engine.explore.ledger import Answer, Shown
from muslin.engine.online.online import Online, clock
from muslin.http.asking import Known, Visitor, known, wanted
from muslin.http.conditions import understood
from muslin.http.log import report
from muslin.http.pages import Begun
from muslin.http.recommended import RecommendationRequest, Recommendations, Recommended, Why
from muslin.http.service import Served, Service
from muslin.random import stream

PATIENCE = 0.05
"""Seconds that an answer waits for the events it should know of."""
_GLANCE = 0.002
"""Seconds between two looks whether they have come."""


class _Found(NamedTuple):
    answered: Answered
    failed: bool


async def behind(online: Online | None, min_seq: int | None) -> bool:
    """Whether what the answer should know of has not come yet; no thread waits for it."""
    if min_seq is None or min_seq == 0:
        return False
    until = time.monotonic() + PATIENCE
    while online is not None and online.seq < min_seq and time.monotonic() < until:
        await asyncio.sleep(_GLANCE)
    return online is None or online.seq < min_seq


def answer(service: Service, served: Served, request: RecommendationRequest, *, late: bool = False) -> Recommendations:
    """The first page for a request; the order is the same each time but for the slots of new garments.

    `late`: events that it should know of have not come.
    """
    online = service.remembered()
    seq = None if online is None else online.seq  # before the engine is taken: what comes later may not be in it
    engine, now = served.shop.engine(), clock()
    if seq is not None and engine.warmed.as_of is not None:
        seq = min(seq, engine.warmed.as_of)
    filters, warnings = understood(request.filters, request.domain, served.words.of(engine.state))
    visitor = Visitor(request.user_id, request.session_id)
    who = known(engine.state, online, visitor, request.context_items, now)
    explore = engine.explorer is not None and request.explore is not False
    name = secrets.token_urlsafe(16)
    found = _found(served, engine, wanted(who.ask, filters, request.n, explore=explore), name, now)
    page = found.answered.part(0, found.answered.n)
    drawn = explore and not found.failed
    reason = _reason(engine, visitor, who, found)
    _note(service, served, engine, name, page, now)
    _count(service, served, page, reason)
    more = len(found.answered.row) > len(page.row)
    if more:
        service.pages.begin(name, Begun(served.opened, found.answered))
    return Recommendations(
        recommendation_id=name,
        model_version=served.version,
        degraded=found.failed or late or (seq or 0) < (request.min_seq or 0),
        items=_items(engine, page, 0, explain=request.explain, drawn=drawn),
        as_of_seq=seq,
        fallback_reason=reason,
        next_cursor=service.pages.cursor(name, len(page.row)) if more else None,
        warnings=(*who.warnings, *warnings),
    )


def next_page(service: Service, served: Served, request: RecommendationRequest) -> Recommendations:
    """A later page of a list that was begun, without garments that left meanwhile."""
    place, begun = service.pages.find(request.cursor or "", served.opened)
    online, engine = service.remembered(), served.shop.engine()
    page = begun.part(place.start, place.start + request.n)
    stop = place.start + len(page.row)
    there = ~engine.state.hidden[page.row]
    shown = page if there.all() else _kept(page, there)
    _count(service, served, shown, None)
    return Recommendations(
        recommendation_id=place.recommendation_id,
        model_version=served.version,
        degraded=False,
        items=_items(engine, shown, place.start, explain=request.explain, drawn=False),
        as_of_seq=None if online is None else online.seq,
        fallback_reason=None if len(shown.row) else "no_candidates",
        next_cursor=service.pages.cursor(place.recommendation_id, stop) if stop < len(begun.row) else None,
    )


def _found(served: Served, engine: Engine, ask: Ask, name: str, now: int) -> _Found:
    """The model's answer; popularity where it fails."""
    try:
        return _Found(engine_answer.answer(engine, ask, stream(0, name), now), False)
    except Exception as error:
        report("model_failed", error, {"model_version": served.version})
        return _Found(most_popular(engine, ask), True)


def _items(engine: Engine, page: Answered, start: int, *, explain: bool, drawn: bool) -> tuple[Recommended, ...]:
    names = engine.state.model.world.catalogue.ids[page.row].tolist()
    reasons = engine_answer.explain(engine, page) if explain else [None] * len(names)
    return tuple(
        Recommended(
            item_id=name,
            rank=start + n + 1,
            score=float(page.score[n]),
            probability=float(page.probability[n]),
            path=page.path[n],
            explored=bool(page.explored[n]),
            propensity=float(page.propensity[n]) if drawn else None,
            reasons=reasons[n],
        )
        for n, name in enumerate(names)
    )


def _kept(page: Answered, there: np.ndarray) -> Answered:
    rows = np.flatnonzero(there)
    parts = [page.part(int(row), int(row) + 1) for row in rows]
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts]) if parts else getattr(page, name)[:0]
        for name in ("row", "score", "probability", "path", "explored", "propensity")
    }
    return Answered(**arrays, n=len(rows), fallback=page.fallback, liked=page.liked)


def _reason(engine: Engine, visitor: Visitor, who: Known, found: _Found) -> Why | None:
    if engine.state.hidden.all():
        return "empty_catalogue"
    if not len(found.answered.row):
        return "no_candidates"
    if found.failed:
        return "model_error"
    if not (found.answered.fallback or found.answered.path[0] == "fallback"):
        return None
    if visitor.user_id is not None:
        return "no_history" if who.met else "unknown_user"
    return "anonymous" if visitor.session_id is None else "unknown_session"


def _note(service: Service, served: Served, engine: Engine, name: str, page: Answered, now: int) -> None:
    """Write the answer down, and count it for the garments that are owed impressions."""
    if service.ledger is None or engine.explorer is None or not len(page.row):
        return
    counted = engine.explorer.note(engine.state, page.row)
    names = engine.state.model.world.catalogue.ids[page.row].tolist()
    shown = tuple(
        Shown(item, path, bool(explored), float(propensity))
        for item, path, explored, propensity in zip(names, page.path, page.explored, page.propensity, strict=True)
    )
    service.ledger.note(Answer(name, now, served.version, shown, counted))


def _count(service: Service, served: Served, page: Answered, reason: Why | None) -> None:
    served.exposure.note(page.row)
    for path, count in Counter(page.path.tolist()).items():
        service.metrics.count("path_total", path, by=count)
    if reason is not None:
        service.metrics.count("fallback_total", reason)
    if page.explored.any():
        service.metrics.count("explored_exposures_total", by=int(page.explored.sum()))
