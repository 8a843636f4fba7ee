"""From a request for recommendations to what the engine is asked: who it is, what they did, what they want."""

from collections.abc import Sequence
from typing import NamedTuple

from muslin.engine.answer.ask import NOBODY, Ask, Event
from muslin.engine.assortment.state import Assortment
from muslin.engine.filters import Filters
from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online
from muslin.engine.online.rules import DAY
from muslin.http.conditions import Warn

CONTEXT = 1.0
"""Weight of a garment that the shopper looks at now."""


class Visitor(NamedTuple):
    """Who asks: a user, a session, or neither."""

    user_id: str | None
    session_id: str | None

    @property
    def shopper(self) -> Shopper | None:
        """As the online state knows them."""
        if self.user_id is not None:
            return Shopper("user", self.user_id)
        return None if self.session_id is None else Shopper("session", self.session_id)


class Known(NamedTuple):
    """What is asked, whether the shop has met the shopper, and warnings about context that the catalogue lacks."""

    ask: Ask
    met: bool
    warnings: tuple[Warn, ...]


def known(state: Assortment, online: Online | None, visitor: Visitor, context: Sequence[str], now: int) -> Known:
    """What is known of the visitor, newest first; the caller adds conditions."""
    rows = state.model.world.item_rows(context)
    detail = "The catalogue has no such item; it was left out."
    unknown = [Warn("unknown_item", f"/context_items/{at}", detail) for at, row in enumerate(rows) if row < 0]
    events = [Event(item, CONTEXT, now) for item, row in zip(context, rows, strict=True) if row >= 0]
    profile, shopper = None, visitor.shopper
    met = visitor.user_id is not None and state.model.world.user_rows([visitor.user_id])[0] >= 0
    if online is not None and shopper is not None:
        events += [Event(taken.item, taken.weight, taken.day * DAY) for taken in online.history(shopper)]
        profile = None if met or visitor.user_id is None else online.profile(visitor.user_id)
    name = NOBODY if visitor.user_id is None else visitor.user_id
    ask = Ask(shopper=name, events=events, profile=profile)
    return Known(ask, bool(met or profile is not None), tuple(unknown))


def wanted(ask: Ask, filters: Filters | None, n: int, *, explore: bool) -> Ask:
    """`ask` with what the request wants."""
    return Ask(shopper=ask.shopper, events=ask.events, profile=ask.profile, filters=filters, n=n, explore=explore)
