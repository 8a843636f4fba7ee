"""What was asked lately, for the shadow gate: a new model must do for the shop as it is today."""

import polars as pl

from muslin.engine.gate import Asked, requests
from muslin.http.service import Service

EVENTS = 20_000
"""Newest events that requests are made of."""


def recent(service: Service) -> list[Asked]:
    """Of shoppers who took two garments lately, the last one, after those before it; empty without a state."""
    online = service.remembered()
    rows = [] if online is None else online.latest(EVENTS)
    return requests(pl.DataFrame(rows, schema=["shopper", "item", "time"], orient="row")) if rows else []
