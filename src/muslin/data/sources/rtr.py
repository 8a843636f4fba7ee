"""Rent the Runway as Parquet: `interactions`, `items`, `users`.

A review stands for a rental, so one without a rating is kept: `value` (the rating, 2 to 10) is then null. What was
computed from the reviews themselves (`first_seen`, `min_size`, `max_size`) is left out: it would tell a model how often
an item it has never seen is rented. Columns that are empty on purpose (brand, title, price) are left out too.

Source: Misra, Wan, McAuley, "Decomposing fit semantics for product size recommendation in metric spaces", RecSys 2018.
"""

from functools import partial
from pathlib import Path

import polars as pl

from muslin.data.checked import Note
from muslin.data.importing import ImportReport, Order, Tables, run
from muslin.data.quarantine import LINE
from muslin.data.read import Table, read_table, require_columns
from muslin.data.schema import ItemRoles, Roles, Schema
from muslin.errors import UsageError
from muslin.progress import track

MEASURES = ("age", "height_in", "weight_lbs", "bust_band")
SHAPE = ("bust_cup", "body_type")

SCHEMA = Schema(
    name="rtr",
    items=ItemRoles(categorical=("category",), category=("category",)),
    users=Roles(categorical=SHAPE, numeric=MEASURES),
    weights={"review": 1.0},
)


def import_rtr(
    src: Path, dst: Path, *, mapping: Path | None = None, max_bad: float = 0.01, overwrite: bool = False
) -> ImportReport:
    """Import the directory `src` into the dataset `dst`. Raises as `Importer` says."""
    if mapping is not None:
        raise UsageError("rtr has a known layout and takes no map", code="unwanted_map", fix="leave --map out")
    return run(Order("rtr", dst, max_bad, overwrite), partial(_read, src))


def _read(src: Path) -> Tables:
    names = ("items", "users", "interactions")
    items, users, events = [read_table(src / f"{n}.parquet") for n in track(names, "reading", total=len(names))]
    reviews = _kept(events, ("user_id", "item_id", "timestamp", "event", "rating", "fit", "size", "rented_for"))
    unrated = reviews.frame["value"].null_count()
    note = Note("no_rating", "events", unrated, f"{unrated:,} reviews have no rating and are kept without a value")
    return Tables(
        _kept(items, ("item_id", "domain", "category")),
        _kept(users, ("user_id", *MEASURES, *SHAPE)),
        reviews,
        SCHEMA,
        (note,) if unrated else (),
    )


def _kept(table: Table, columns: tuple[str, ...]) -> Table:
    require_columns(table, columns)
    frame = table.frame.select(LINE, *columns).with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    return table.with_frame(frame.rename({"rating": "value"}, strict=False))
