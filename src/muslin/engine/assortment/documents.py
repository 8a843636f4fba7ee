"""What is kept of a garment's changes, one document an item, and a catalogue made of a model and such documents.

A document holds all that was said since training, so the newest of an item is enough, and another model takes it too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl

from muslin.data.read import table_of
from muslin.engine.assortment.change import take
from muslin.engine.assortment.rows import UPDATED, plain, read_rows
from muslin.engine.assortment.sift import NEVER, sift
from muslin.engine.assortment.state import Assortment, fresh
from muslin.engine.model import Model
from muslin.features.append import with_column

_FOREVER = 2**62


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """One garment. `row`: its columns, None while they are the model's own. Times are µs since 1970."""

    item_id: str
    row: dict[str, Any] | None = None
    stamp: int = NEVER
    stock: float | None = None
    stocked: int = NEVER
    since: int = NEVER
    hidden: bool = False


class Restored(NamedTuple):
    """A catalogue, and the ids of garments whose documents this model cannot take."""

    state: Assortment
    lost: tuple[str, ...]


def document(state: Assortment, item: str) -> dict[str, Any]:
    """Document of a garment that is there, hidden or not."""
    dataset = state.model.world.dataset
    place = int(state.model.world.item_rows([item])[0])
    said = dataset.items.row(place, named=True)
    beside = {UPDATED, "stock"}
    row = {name: plain(value) for name, value in said.items() if value is not None and name not in beside}
    found = Document(
        item,
        row if state.told[place] else None,
        int(state.stamps[place]),
        said.get("stock"),
        int(state.stocked[place]),
        int(state.since[place]),
        bool(state.hidden[place]),
    )
    body: dict[str, Any] = msgspec.to_builtins(found)
    return body


def restored(model: Model, documents: Iterable[Mapping[str, Any]]) -> Restored:
    """The catalogue of `model` with all that `documents` say, in the order in which garments came."""
    found = sorted((msgspec.convert(d, Document) for d in documents), key=lambda d: (d.since, d.item_id))
    state, lost = _with_rows(fresh(model), {d.item_id: d.row for d in found if d.row is not None})
    place = state.model.world.item_rows([d.item_id for d in found])
    there = [(d, int(row)) for d, row in zip(found, place, strict=True) if row >= 0]
    lost = (*lost, *(d.item_id for d, row in zip(found, place, strict=True) if row < 0 and d.row is None))
    if not there:
        return Restored(state, lost)
    rows = np.array([row for _, row in there], dtype=np.int64)
    state.hidden[rows] = [d.hidden for d, _ in there]
    state.stamps[rows] = [d.stamp for d, _ in there]
    state.since[rows] = [d.since for d, _ in there]
    state.stocked[rows] = [d.stocked for d, _ in there]
    return Restored(_stocked(state, [(d.stock, row) for d, row in there if d.stocked != NEVER]), lost)


def _with_rows(state: Assortment, rows: Mapping[str, Mapping[str, Any]]) -> tuple[Assortment, tuple[str, ...]]:
    """`state` (to be written to) with `rows`, and the ids of those it cannot take."""
    dataset = state.model.world.dataset
    names = {*dataset.items.columns}
    known = [{k: v for k, v in row.items() if k in names} for row in rows.values()]
    read = read_rows(known, dataset)
    if not read.places:
        return state.grown(state.model), tuple(rows)
    space = state.model.world.space
    found = sift(table_of(read.frame, "items"), dataset, space, _FOREVER)
    state = replace(state, stamps=np.full(len(state), NEVER, dtype=np.int64))
    state = take(state, found, _FOREVER).state
    taken = set(found.frame["item_id"].to_list())
    return state, tuple(name for name in rows if name not in taken)


def _stocked(state: Assortment, counts: list[tuple[float | None, int]]) -> Assortment:
    if not counts:
        return state
    items = state.model.world.dataset.items
    values = items["stock"].cast(pl.Float64).to_list() if "stock" in items.columns else [None] * len(items)
    for stock, row in counts:
        values[row] = stock
    column = pl.Series("stock", values, dtype=pl.Float64)
    return replace(state, model=replace(state.model, world=with_column(state.model.world, column)))
