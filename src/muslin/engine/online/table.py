"""The log as a table to train on."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from muslin.engine.online.database import FILE, reader
from muslin.engine.online.event import Shopper
from muslin.engine.online.export import everything
from muslin.engine.online.keys import load_keys
from muslin.errors import DataError

_SCHEMA = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "timestamp": pl.String(),
    "event": pl.String(),
    "value": pl.Float64(),
}


def events_table(directory: Path, users: Iterable[str] = ()) -> pl.DataFrame:
    """`user_id, item_id, timestamp, event, value` of all events, in the order of the log.

    `users`: ids to be told by; every other shopper is told by a pseudonym, the same one each time. Raises `DataError`
    (`no_state`).
    """
    if not (directory / FILE).exists():
        fix = "name the directory given to `muslin serve --state`"
        raise DataError("there is no state here", code="no_state", where=str(directory), fix=fix)
    keys = load_keys(directory, fresh=False)
    names = {keys.shopper(Shopper("user", name)).hex(): name for name in users}
    db = reader(directory)
    try:
        rows = [
            (names.get(shopper, shopper), e["item_id"], e["timestamp"], e["type"], e.get("value"))
            for shopper, e in everything(db)
        ]
    finally:
        db.close()
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
