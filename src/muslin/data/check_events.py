"""Checks of the rows of events: who, what, when, which type; and whether the item exists."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from muslin.data.check_entities import PRICE_LIMIT, id_rules, number_rule
from muslin.data.checked import AUX, Note, Part, content
from muslin.data.columns import as_id, as_number, as_text
from muslin.data.contract import Rule, failures, none_bad, shown
from muslin.data.quarantine import LINE
from muslin.data.read import Table, require_columns
from muslin.data.schema import Schema
from muslin.data.timestamps import parse_times
from muslin.errors import nearest

SLACK = timedelta(minutes=5)
"""How far in the future an event may be: clocks differ."""

_QUANTITY_LIMIT = 1_000_000
_NAMED_TYPES = 100
_NUMBERS = ("price", "quantity", "value")


def check_events(table: Table, schema: Schema, items: Part, now: datetime) -> Part:
    """Events of known items with `timestamp` in UTC and their `weight`, sorted by time, ties in file order.

    Optional columns are checked where they are: `event_id` (unique), `price`, `quantity`, `value`.
    """
    require_columns(table, ("user_id", "item_id", "timestamp", "event"))
    part = _typed(Part(table, table.frame, none_bad()), schema.timezone)
    part = part.without(failures(part.frame, _rules(part.frame.columns, now)))
    part = part.without(_unknown_types(part.frame, schema.weights))
    part = part.without(_unknown_items(part.frame, items))
    part = _once(part)
    weight = pl.col("event").replace_strict(schema.weights, return_dtype=pl.Float32, default=None).alias("weight")
    whole = [pl.col("quantity").cast(pl.Int64)] if "quantity" in part.frame.columns else []
    return part.changed(part.frame.with_columns(weight, *whole).sort("timestamp", maintain_order=True))


def _typed(part: Part, zone: str) -> Part:
    frame = part.frame
    stamp = frame["timestamp"]
    times = parse_times(stamp, zone, where=part.where("timestamp"))
    written = as_text(stamp.cast(pl.String), part.where("timestamp"))
    columns = [
        as_id(frame["user_id"], part.where("user_id")),
        as_id(frame["item_id"], part.where("item_id")),
        as_text(frame["event"], part.where("event")),
        times.alias("timestamp"),
        written.alias(AUX + "timestamp"),
        (written.is_null() | times.is_not_null()).alias(AUX + "read"),
    ]
    if "event_id" in frame.columns:
        columns.append(as_id(frame["event_id"], part.where("event_id")))
    for name in (n for n in _NUMBERS if n in frame.columns):
        columns.append(as_number(frame[name], part.where(name)))
        columns.append(frame[name].cast(pl.String).alias(AUX + name))
    return part.changed(frame.with_columns(columns))


def _rules(columns: Sequence[str], now: datetime) -> list[Rule]:
    raw = AUX + "timestamp"
    year = 1971
    zero = f"timestamp {{value}} is before {year}: most likely a zero or an empty date"
    rules = [
        *id_rules("user_id"),
        *id_rules("item_id")[:1],
        Rule(raw, "missing_timestamp", lambda v: v.is_not_null(), "timestamp is empty"),
        Rule(AUX + "read", "bad_timestamp", lambda v: v, "timestamp {value} cannot be understood", raw),
        Rule("timestamp", "timestamp_1970", lambda v: v.dt.year() >= year, zero, raw),
        Rule("timestamp", "timestamp_future", lambda v: v <= now + SLACK, "timestamp {value} is in the future", raw),
    ]
    optional = {
        "price": number_rule("price", "bad_price", 0, PRICE_LIMIT),
        "quantity": number_rule("quantity", "bad_quantity", 1, _QUANTITY_LIMIT, whole=True),
        "value": number_rule("value", "bad_value", -PRICE_LIMIT, PRICE_LIMIT),
    }
    rules += [rule for name, rule in optional.items() if name in columns]
    return rules + (id_rules("event_id") if "event_id" in columns else [])


def _unknown_types(frame: pl.DataFrame, weights: dict[str, float]) -> pl.DataFrame:
    bad = frame.filter(~pl.col("event").is_in(list(weights)).fill_null(value=False))
    if bad.is_empty():
        return none_bad()
    # Distinct wrong names are few unless the column is a wrong one, and then the first say enough.
    names = bad["event"].drop_nulls().unique(maintain_order=True).head(_NAMED_TYPES).to_list()
    hints = {name: nearest(name, weights) for name in names}
    hint = pl.col("event").replace_strict(hints, default=nearest("", weights), return_dtype=pl.String)
    reason = pl.lit("event type ") + shown(pl.col("event")) + " has no weight: " + hint
    return bad.select(LINE, pl.lit("unknown_event").alias("code"), reason.alias("reason"))


def _unknown_items(frame: pl.DataFrame, items: Part) -> pl.DataFrame:
    """Events of items that are not there; the reason tells when the item's own row was refused or lost its zeros."""
    known = items.frame.select("item_id")
    bad = frame.join(known, on="item_id", how="anti", maintain_order="left").select(LINE, "item_id")
    if bad.is_empty():
        return none_bad()
    refused = items.table.frame.join(items.bad, on=LINE, how="semi")["item_id"].cast(pl.String)
    bare = pl.col("item_id").str.strip_chars_start("0").alias("bare")
    padded = known.filter(pl.col("item_id").str.starts_with("0")).select(bare, pl.col("item_id").alias("padded"))
    bad = bad.with_columns(bare).join(padded.unique("bare", keep="first"), on="bare", how="left", maintain_order="left")
    hint = (
        pl.when(pl.col("item_id").is_in(refused.implode()))
        .then(pl.lit(": its own row was refused"))
        .when(pl.col("padded").is_not_null())
        .then(pl.lit(": did you mean ") + shown(pl.col("padded")) + "? Leading zeros are part of an id")
        .otherwise(pl.lit(""))
    )
    reason = pl.lit("no item is called ") + shown(pl.col("item_id")) + hint
    return bad.select(LINE, pl.lit("unknown_item").alias("code"), reason.alias("reason"))


def _once(part: Part) -> Part:
    """One row per `event_id`, where there is such a column: the first; a later one with other content is refused."""
    if "event_id" not in part.frame.columns:
        return part
    repeated = part.frame.filter(pl.col("event_id").is_duplicated())
    repeated = repeated.select(LINE, "event_id", content(repeated))
    first = repeated.unique("event_id", keep="first", maintain_order=True)
    later = repeated.join(first.select(LINE), on=LINE, how="anti", maintain_order="left")
    same = later.join(first, on=["event_id", "content"], how="semi")
    clash = later.join(same.select(LINE), on=LINE, how="anti", maintain_order="left")
    reason = pl.lit("event_id ") + shown(pl.col("event_id")) + " was used before for another event"
    bad = clash.select(LINE, pl.lit("id_conflict").alias("code"), reason.alias("reason"))
    kept = part.frame.join(same.select(LINE), on=LINE, how="anti", maintain_order="left")
    text = f"{len(same):,} events were sent more than once and count once"
    return part.changed(kept, Note("repeated_event", "events", len(same), text)).without(bad)
