"""Garments join a world, or change in it, without the rest being encoded again; nobody's row moves."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.features.kept import carried
from muslin.features.space import World, category_codes, domain_codes, hot_items
from muslin.types import Catalogue, Csr, Dense, Features, Ints

MOST_CHUNKS = 64
"""Pieces of a table of items before they are joined: each append adds one, and filters slow down with many."""


def with_rows(world: World, rows: pl.DataFrame) -> World:
    """`world` with `rows`: items in the columns and types of `world.dataset.items`, each id once.

    A known id is replaced where it stands, others are appended in the order given, cold. Features, categories and
    domains are those that encoding everything at once with the same space gives, bit for bit; family codes are equal
    for the same items. Costs the encoding of `rows`, and copying the rest.
    """
    if rows.is_empty():
        return world
    old = world.catalogue
    place = world.item_rows(rows["item_id"].to_list())
    order = np.arange(len(old), dtype=np.int64)
    order[place[place >= 0]] = len(old) + np.flatnonzero(place >= 0)
    order = np.concatenate([order, len(old) + np.flatnonzero(place < 0)])
    items = _gathered(world.dataset.items, rows, order)
    catalogue = _catalogue(world, rows, order)
    new = int((place < 0).sum())
    popularity = np.concatenate([world.popularity, np.zeros(new, dtype=np.float32)])
    hot = ((place >= 0) & (place < old.n_hot)).any()
    data = replace(world.data, catalogue=hot_items(catalogue)) if hot else world.data
    dataset = replace(world.dataset, items=items)
    found = replace(world, dataset=dataset, catalogue=catalogue, data=data, popularity=popularity)
    _carry(world, found, ("_user_row",))
    found.__dict__["row_of_item"] = _names(world, rows["item_id"].to_list(), place)
    return found


def with_column(world: World, column: pl.Series) -> World:
    """`world` whose items have `column` [N], which no feature is made of."""
    dataset = replace(world.dataset, items=world.dataset.items.with_columns(column))
    found = replace(world, dataset=dataset)
    _carry(world, found, _LOOKED_UP)
    return found


def keeping(world: World) -> World:
    """`world` whose catalogue keeps what is made of it (`features.kept`), as do those that grow out of it."""
    if world.catalogue.features.kept is not None:
        return world
    features = replace(world.catalogue.features, kept={})
    found = replace(world, catalogue=replace(world.catalogue, features=features))
    _carry(world, found, _LOOKED_UP)
    return found


_LOOKED_UP = ("row_of_item", "family_codes", "_user_row", "_history", "_garments", "by_popularity")


def _carry(world: World, found: World, names: Sequence[str]) -> None:
    """What `world` looked up once and is the same for `found` is not looked up again."""
    found.__dict__.update({name: world.__dict__[name] for name in names if name in world.__dict__})


def _catalogue(world: World, rows: pl.DataFrame, order: Ints) -> Catalogue:
    old, space, schema = world.catalogue, world.space, world.dataset.schema
    fresh = space.items.transform(rows)
    category = category_codes(rows, schema.items.category, space.categories)
    ids = rows["item_id"].to_numpy().astype(object)
    return replace(
        old,
        ids=np.concatenate([old.ids, ids])[order],
        features=_stacked(old.features, fresh, order),
        family=np.concatenate([old.family, _families(world, rows["family"].to_list())])[order],
        category=np.concatenate([old.category, category])[order],
        domain=np.concatenate([old.domain, domain_codes(rows["domain"], space)])[order],
    )


def _stacked(old: Features, fresh: Features, order: Ints) -> Features:
    dense = tuple(
        Dense(a.name, np.concatenate([a.vectors, b.vectors])[order])
        for a, b in zip(old.dense, fresh.dense, strict=True)
    )
    replaced = np.flatnonzero(order[: old.matrix.shape[0]] >= old.matrix.shape[0])
    kept = carried(old.kept, replaced.tolist())
    return Features(_rows(old.matrix, fresh.matrix, order), old.blocks, dense, kept)


def _rows(old: Csr, fresh: Csr, order: Ints) -> Csr:
    both = sp.csr_matrix(sp.vstack([old, fresh], format="csr"))
    untouched = np.array_equal(order, np.arange(both.shape[0]))
    return both if untouched else sp.csr_matrix(both[order])


def _gathered(old: pl.DataFrame, rows: pl.DataFrame, order: Ints) -> pl.DataFrame:
    both = pl.concat([old, rows.select(old.columns)])
    if not np.array_equal(order, np.arange(len(both))):
        return both[order]
    return both.rechunk() if both.n_chunks() > MOST_CHUNKS else both


def _families(world: World, names: Sequence[str]) -> Ints:
    """Codes of families: those they have, or new ones."""
    known = world.family_codes
    new = {name: None for name in names if name not in known}
    after = int(world.catalogue.family.max(initial=-1)) + 1
    codes = {name: after + n for n, name in enumerate(new)}
    return np.array([known[name] if name in known else codes[name] for name in names], dtype=np.int64)


def _names(world: World, ids: Sequence[str], place: Ints) -> dict[str, int]:
    found = dict(world.row_of_item)
    found.update({name: len(world.catalogue) + n for n, name in enumerate(np.array(ids, dtype=object)[place < 0])})
    return found
