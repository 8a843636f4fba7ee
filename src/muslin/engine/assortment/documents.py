"""What is kept of a garment's changes, one document an item, and a catalogue made of a model and such documents.

A document holds all that was said since training, so the newest of an item is enough, and another model takes it too:
what is newer than that model's own row, and vectors of the very encoders it was trained with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.read import table_of
from muslin.engine.assortment.change import take
from muslin.engine.assortment.rows import UPDATED, plain, read_rows
from muslin.engine.assortment.sift import NEVER, sift
from muslin.engine.assortment.state import Assortment, fresh
from muslin.engine.model import Model
from muslin.features.append import with_column
from muslin.features.space import World

_FOREVER = 2**62
Origin: TypeAlias = tuple[str, str | None]
"""Version of an encoder, and the text column it read."""


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """One garment. `row`: its columns, None while they are the model's own. Times are µs since 1970."""

    item_id: str
    row: dict[str, Any] | None = None
    stamp: int = NEVER
    stock: float | None = None
    stocked: int = NEVER
    since: int = NEVER
    hidden: bool = False
    made: dict[str, Origin] = {}
    """Of columns of `row` that an encoder makes: which one the model had that took them."""


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
    made = {name: origin for name, origin in _origins(dataset).items() if name in row}
    found = Document(
        item,
        row if state.told[place] else None,
        int(state.stamps[place]),
        said.get("stock"),
        int(state.stocked[place]),
        int(state.since[place]),
        bool(state.hidden[place]),
        made if state.told[place] else {},
    )
    body: dict[str, Any] = msgspec.to_builtins(found)
    return body


def restored(model: Model, documents: Iterable[Mapping[str, Any]]) -> Restored:
    """The catalogue of `model` with all that `documents` say, in the order in which garments came.

    What is older than the model's own row, or its own stock, says nothing any more. Raises what `embedded` does where
    texts must be encoded anew.
    """
    found = sorted((msgspec.convert(d, Document) for d in documents), key=lambda d: (d.since, d.item_id))
    base = fresh(model)
    own = base.model.world.item_rows([d.item_id for d in found])
    newer = {d.item_id for d, row in zip(found, own, strict=True) if row < 0 or d.stamp >= base.stamps[row]}
    state, lost = _with_rows(base, [d for d in found if d.row is not None and d.item_id in newer])
    place = state.model.world.item_rows([d.item_id for d in found])
    there = [(d, int(row)) for d, row in zip(found, place, strict=True) if row >= 0]
    lost = (*lost, *(d.item_id for d, row in zip(found, place, strict=True) if row < 0 and d.row is None))
    for d, row in there:
        state.since[row] = d.since
        state.told[row] |= d.row is not None  # a model that never saw the newer row is to have it too
        if d.item_id in newer:
            state.hidden[row], state.stamps[row] = d.hidden, d.stamp
    counts = [(d, row) for d, row in there if d.stocked != NEVER and d.stocked >= state.stocked[row]]
    for d, row in counts:
        state.stocked[row] = d.stocked
    return Restored(_stocked(state, [(d.stock, row) for d, row in counts]), lost)


def _with_rows(state: Assortment, told: Sequence[Document]) -> tuple[Assortment, tuple[str, ...]]:
    """`state` (to be written to) with the rows of documents, and the ids of those it cannot take."""
    dataset = state.model.world.dataset
    names = {*dataset.items.columns}
    rows = {d.item_id: _again(d, state.model.world) for d in told}
    known = [{k: v for k, v in row.items() if k in names} for row in rows.values()]
    read = read_rows(known, dataset)
    if not read.places:
        return state, tuple(rows)
    space = state.model.world.space
    found = sift(table_of(read.frame, "items"), dataset, space, _FOREVER)
    stamps = state.stamps
    state = take(replace(state, stamps=np.full(len(state), NEVER, dtype=np.int64)), found, _FOREVER).state
    state.stamps[: len(stamps)] = stamps
    taken = set(found.frame["item_id"].to_list())
    return state, tuple(name for name in rows if name not in taken)


def _again(told: Document, world: World) -> dict[str, Any]:
    """The row of a document without vectors of encoders that `world` does not have.

    Texts are encoded anew when the row is taken; a picture is not at hand, so its vector is the model's own, if any.
    """
    row, origins = dict(told.row or {}), _origins(world.dataset)
    for name in [name for name in row if told.made.get(name) != origins.get(name)]:
        del row[name]
        place = int(world.item_rows([told.item_id])[0])
        if name in origins and origins[name][1] is None and place >= 0:
            row[name] = world.dataset.items[name][place : place + 1].to_list()[0]
    return row


def _origins(dataset: Dataset) -> dict[str, Origin]:
    return {name: (origin.version, origin.text) for name, origin in dataset.schema.encoded.items()}


def _stocked(state: Assortment, counts: list[tuple[float | None, int]]) -> Assortment:
    if not counts:
        return state
    items = state.model.world.dataset.items
    values = items["stock"].cast(pl.Float64).to_list() if "stock" in items.columns else [None] * len(items)
    for stock, row in counts:
        values[row] = stock
    column = pl.Series("stock", values, dtype=pl.Float64)
    return replace(state, model=replace(state.model, world=with_column(state.model.world, column)))
