"""Appended garments are, bit for bit, what encoding everything at once makes of them."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muslin.data.schema import ItemRoles
from muslin.features.append import MOST_CHUNKS, with_rows
from muslin.features.space import World, encode
from muslin.random import stream
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def world() -> World:
    """A shop with every kind of column, some garments cold."""
    shop = tiny_shop(items=60, users=80, events=150)
    rng = stream(0, "append")
    style = rng.normal(size=(60, 4)).astype(np.float32).tolist()
    day = pl.datetime(2024, 1, 1, time_zone="UTC") + pl.duration(days=pl.int_range(pl.len()) % 7)
    items = shop.items.with_columns(
        style=pl.Series([v if n % 5 else None for n, v in enumerate(style)], dtype=pl.List(pl.Float32)),
        print=pl.lit("p") + (pl.int_range(pl.len()) % 9).cast(pl.String),
        added=day.cast(pl.Datetime("us", "UTC")),
    )
    roles = replace(shop.schema.items, hashed=("print",), vector=("style",), date=("added",))
    assert isinstance(roles, ItemRoles)
    return encode(replace(shop, items=items, schema=replace(shop.schema, items=roles)))


def fresh(world: World, seed: int, n: int) -> pl.DataFrame:
    """`n` garments: some known ones with other values, some new, in new and in known families."""
    rng = stream(seed, "fresh")
    source = world.dataset.items[rng.integers(len(world.catalogue), size=n)]
    ids = [str(rng.choice(world.catalogue.ids)) if rng.random() < 0.4 else f"x{rng.integers(10**9)}" for _ in range(n)]
    family = [f"new{rng.integers(3)}" if rng.random() < 0.5 else f for f in source["family"]]
    colour = [str(rng.choice(["red", "mauve", "blue"])) for _ in range(n)]
    rows = source.with_columns(
        item_id=pl.Series(ids), family=pl.Series(family), colour=pl.Series(colour), price=pl.lit(None, dtype=pl.Float64)
    )
    return rows.unique("item_id", keep="first", maintain_order=True)


def at_once(grown: World) -> World:
    """The same items, encoded together."""
    return encode(grown.dataset, grown.space, in_order=True)


def same(a: World, b: World) -> None:
    """Equal to the last bit; families as a partition."""
    assert a.catalogue.ids.tolist() == b.catalogue.ids.tolist()
    assert a.catalogue.n_hot == b.catalogue.n_hot
    for part in ("data", "indices", "indptr"):
        left, right = getattr(a.catalogue.features.matrix, part), getattr(b.catalogue.features.matrix, part)
        assert np.array_equal(left, right)
        assert left.dtype.kind == right.dtype.kind
    assert a.catalogue.features.blocks == b.catalogue.features.blocks
    for left, right in zip(a.catalogue.features.dense, b.catalogue.features.dense, strict=True):
        assert left.vectors.tobytes() == right.vectors.tobytes()
    for name in ("category", "domain"):
        assert np.array_equal(getattr(a.catalogue, name), getattr(b.catalogue, name))
    pairs = set(zip(a.catalogue.family.tolist(), b.catalogue.family.tolist(), strict=True))
    assert len(pairs) == len(set(a.catalogue.family.tolist())) == len(set(b.catalogue.family.tolist()))
    assert np.array_equal(a.popularity, b.popularity)
    assert a.row_of_item == b.row_of_item
    assert np.array_equal(a.data.matrix().toarray(), b.data.matrix().toarray())
    hot = a.data.catalogue
    assert np.array_equal(hot.features.matrix.toarray(), a.catalogue.features.matrix[: a.catalogue.n_hot].toarray())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), sizes=st.lists(st.integers(0, 12), min_size=1, max_size=4))
def test_appending_is_encoding_all_at_once(world: World, seed: int, sizes: list[int]) -> None:
    grown = world
    for step, size in enumerate(sizes):
        grown = with_rows(grown, fresh(grown, seed + step, size))
    same(grown, at_once(grown))
    assert grown.catalogue.ids[: len(world.catalogue)].tolist() == world.catalogue.ids.tolist()


def test_nothing_of_the_old_world_changes(world: World) -> None:
    before = world.catalogue.features.matrix.toarray(), world.dataset.items, dict(world.row_of_item)
    with_rows(world, fresh(world, 5, 20))
    assert np.array_equal(world.catalogue.features.matrix.toarray(), before[0])
    assert world.dataset.items.equals(before[1])
    assert world.row_of_item == before[2]


def test_many_small_appends_do_not_scatter_the_table(world: World) -> None:
    grown = world
    for n in range(MOST_CHUNKS + 5):
        row = world.dataset.items[:1].with_columns(item_id=pl.lit(f"n{n}"))
        grown = with_rows(grown, row)
    assert grown.dataset.items.n_chunks() <= MOST_CHUNKS
    assert len(grown.catalogue) == len(world.catalogue) + MOST_CHUNKS + 5
    same(grown, at_once(grown))


def test_only_the_new_rows_are_encoded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    transform = type(world.space.items).transform

    def counted(table, frame):  # type: ignore[no-untyped-def]
        seen.append(len(frame))
        return transform(table, frame)

    monkeypatch.setattr(type(world.space.items), "transform", counted)
    with_rows(world, fresh(world, 1, 7))
    assert sum(seen) <= 7
