"""How the catalogue changes: the newest word about a garment counts, in whatever order words come.

A garment that leaves is hidden and keeps its row, so nobody's row ever moves. Stock has a clock of its own: it changes
every minute, and the rest of a row does not.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from muslin.data.read import table_of
from muslin.data.schema import Schema
from muslin.engine.assortment.outcome import Outcome, Refusal, Remark
from muslin.engine.assortment.rows import UPDATED, Row, plain, read_rows
from muslin.engine.assortment.sift import Sifted, sift
from muslin.engine.assortment.state import Assortment
from muslin.engine.model import Model
from muslin.features.append import with_column, with_rows
from muslin.features.embed import embedded
from muslin.types import Bools, Ints


class Changed(NamedTuple):
    """The catalogue afterwards, the garments whose rows are others now, and what became of what was sent."""

    state: Assortment
    items: tuple[str, ...]
    outcome: Outcome


class Stock(NamedTuple):
    """How many of a garment there were at a time (µs)."""

    item_id: str
    stock: float
    at: int


def put(state: Assortment, rows: Sequence[Row], now: int) -> Changed:
    """`rows` join the catalogue or replace what is there, unless that is newer; the good ones, whatever the others."""
    dataset = state.model.world.dataset
    read = read_rows(rows, dataset)
    if not read.places:
        return Changed(state, (), Outcome(refused=read.refused))
    found = sift(table_of(read.frame, "items"), dataset, state.model.world.space, now)
    changed = take(state, found, now)
    moved = [replace(r, index=read.places[r.index]) for r in changed.outcome.refused]
    remarks = [r if r.index is None else replace(r, index=read.places[r.index]) for r in changed.outcome.remarks]
    every = sorted([*read.refused, *moved], key=lambda refusal: refusal.index)
    return changed._replace(outcome=replace(changed.outcome, refused=tuple(every), remarks=tuple(remarks)))


def take(state: Assortment, found: Sifted, now: int) -> Changed:
    """Rows that were checked already join the catalogue."""
    world, ids = state.model.world, found.frame["item_id"].to_list()
    row = world.item_rows(ids)
    known = row >= 0
    before = np.where(known, state.stamps[np.maximum(row, 0)] if len(state) else 0, np.iinfo(np.int64).min)
    older, tie = found.stamps < before, found.stamps == before
    same = np.array([t and _same(state, found, n, int(row[n])) for n, t in enumerate(tie)], dtype=bool)
    clash = [_clash(found, int(n)) for n in np.flatnonzero(tie & ~same)]
    taken = np.flatnonzero(~older & ~tie)
    remarks = (*found.remarks, *_case_twins(world.catalogue.ids, [ids[n] for n in taken if row[n] < 0]))
    outcome = Outcome(len(taken), int(older.sum()), int(same.sum()), (*found.refused, *clash), remarks)
    if not len(taken):
        return Changed(state, (), outcome)
    return Changed(_joined(state, found, taken, now), tuple(ids[n] for n in taken), outcome)


def patch(state: Assortment, item: str, changes: Row, now: int) -> Changed | None:
    """Some columns of one garment change; null takes a value away. None where there is no such garment."""
    row = state.index(item)
    if row < 0:
        return None
    dataset = state.model.world.dataset
    said = {k: plain(v) for k, v in dataset.items.row(row, named=True).items() if v is not None}
    gone = {name for name, origin in dataset.schema.encoded.items() if origin.text in changes}
    kept = {k: v for k, v in said.items() if k not in gone and k not in (UPDATED, "stock")}
    whole = {k: v for k, v in {**kept, **changes, "item_id": item}.items() if v is not None}
    return put(state, [whole], now)


def hide(state: Assortment, item: str, at: int) -> Changed | None:
    """A garment leaves, or stays away. None where it never was; nothing happens where a newer word is there."""
    return hide_all(state, [item], at) if state.model.world.item_rows([item])[0] >= 0 else None


def hide_all(state: Assortment, items: Sequence[str], at: int) -> Changed:
    """Garments that the catalogue has leave together, each but for a newer word."""
    row = state.model.world.item_rows(items)
    late = at < state.stamps[row]
    if late.all():
        return Changed(state, (), Outcome(older=len(row)))
    hidden, stamps = state.hidden.copy(), state.stamps.copy()
    hidden[row[~late]], stamps[row[~late]] = True, at
    gone = tuple(item for item, there in zip(items, late.tolist(), strict=True) if not there)
    return Changed(replace(state, hidden=hidden, stamps=stamps), gone, Outcome(len(gone), int(late.sum())))


def restock(state: Assortment, counts: Sequence[Stock]) -> Changed:
    """Stocks change, each unless a newer one is there. Unknown garments are refused (`unknown_item`)."""
    row = state.model.world.item_rows([count.item_id for count in counts])
    refused = [Refusal(n, "unknown_item", "the catalogue has no such item") for n in np.flatnonzero(row < 0).tolist()]
    newest: dict[int, int] = {}
    for n in np.flatnonzero(row >= 0).tolist():
        best = newest.get(int(row[n]))
        if counts[n].at >= state.stocked[row[n]] and (best is None or counts[n].at >= counts[best].at):
            newest[int(row[n])] = n
    older = len(counts) - len(refused) - len(newest)
    if not newest:
        return Changed(state, (), Outcome(older=older, refused=tuple(refused)))
    rows = np.array(list(newest), dtype=np.int64)
    values, stocked = _stocks(state.model).copy(), state.stocked.copy()
    values[rows] = [counts[n].stock for n in newest.values()]
    stocked[rows] = [counts[n].at for n in newest.values()]
    changed = replace(state, model=_stocked(state.model, values), stocked=stocked)
    ids = tuple(counts[n].item_id for n in newest.values())
    return Changed(changed, ids, Outcome(len(newest), older, refused=tuple(refused)))


def _joined(state: Assortment, found: Sifted, taken: Ints, now: int) -> Assortment:
    stamps, stock = found.stamps[taken], found.stock.gather(taken)
    if stock.null_count() < len(stock) and "stock" not in state.model.world.dataset.items.columns:
        state = replace(state, model=_stocked(state.model, _stocks(state.model)))
    world = state.model.world
    frame, given = _encoded(found.frame[taken], world.dataset.schema), stock.is_not_null().to_numpy()
    row = world.item_rows(frame["item_id"].to_list())
    new = row < 0
    newer = given & (new | (stamps >= state.stocked[np.maximum(row, 0)] if len(state) else True))
    if "stock" in world.dataset.items.columns:
        there = np.where(new, np.nan, np.append(_stocks(state.model), np.nan)[row])
        column = pl.Series("stock", np.where(newer, stock.to_numpy(), there)).fill_nan(None)
        frame = frame.with_columns(column.cast(world.dataset.items.schema["stock"]))
    grown = state.grown(replace(state.model, world=with_rows(world, frame.select(world.dataset.items.columns))))
    place = grown.model.world.item_rows(frame["item_id"].to_list())
    return _marked(grown, place, stamps, Marks(new, newer, now))


class Marks(NamedTuple):
    """Of rows that joined: which are new, which brought a stock, and when they came."""

    new: Bools
    stocked: Bools
    now: int


def _marked(state: Assortment, place: Ints, stamps: Ints, marks: Marks) -> Assortment:
    state.hidden[place], state.told[place], state.stamps[place] = False, True, stamps
    state.stocked[place[marks.stocked]] = stamps[marks.stocked]
    state.since[place[marks.new]] = marks.now
    return state


def _encoded(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """`frame` with the vectors of its texts, of each row for which the shop did not send its own."""
    for name in schema.encoded:
        bare = frame[name].is_null()
        if bare.any():
            made = embedded(frame.filter(bare).drop(name), schema, {})[name].cast(frame.schema[name])
            place = np.where(bare.to_numpy(), len(frame) + bare.cum_sum().to_numpy() - 1, np.arange(len(frame)))
            frame = frame.with_columns(pl.concat([frame[name], made]).gather(place))
    return frame


def _same(state: Assortment, found: Sifted, n: int, row: int) -> bool:
    """Whether a row says what is there; what an encoder made, stock and time do not count."""
    if state.hidden[row]:
        return False
    dataset = state.model.world.dataset
    left, right = found.frame.row(n, named=True), dataset.items.row(row, named=True)
    beside = {*dataset.schema.encoded, "stock", UPDATED}
    return all(left[name] == right[name] for name in left if name not in beside)


def _clash(found: Sifted, n: int) -> Refusal:
    detail = "another row of this item says something else at the same updated_at"
    return Refusal(found.lines[n], "duplicate_id", detail)


def _case_twins(known: np.ndarray, fresh: Sequence[str]) -> list[Remark]:
    """A remark where new ids differ from known ones in case only."""
    lower = pl.Series([name.lower() for name in fresh], dtype=pl.String)
    there = pl.Series(known.tolist(), dtype=pl.String).str.to_lowercase()
    count = int(lower.is_in(there.implode()).sum()) if len(fresh) else 0
    text = f"{count:,} new ids differ from known ones in upper and lower case only; they stay distinct"
    return [Remark("case_twins", text)] if count else []


def _stocks(model: Model) -> np.ndarray:
    """[N] stock of every garment, NaN where unknown."""
    items = model.world.dataset.items
    if "stock" not in items.columns:
        return np.full(len(items), np.nan)
    return items["stock"].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def _stocked(model: Model, values: np.ndarray) -> Model:
    return replace(model, world=with_column(model.world, pl.Series("stock", values).fill_nan(None)))
