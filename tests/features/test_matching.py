"""Which features of one table are those of another: by name, by spelling, by place, and between knots."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.schema import ItemRoles
from muslin.errors import UsageError
from muslin.features.dense import Centre
from muslin.features.hashed import Hashed
from muslin.features.matching import match
from muslin.features.numeric import Hats
from muslin.features.table import Column, FeatureTable, Vectors, fit_table
from muslin.features.text import Terms

ROLES = ItemRoles(
    categorical=("colour",),
    hashed=("brand",),
    multi=("tags",),
    numeric=("price",),
    text=("title",),
    category=("colour",),
    price="price",
)


def frame(colours: list[str], prices: list[float], titles: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "colour": colours,
            "brand": [f"b{i}" for i in range(len(colours))],
            "tags": [[c, "new"] for c in colours],
            "price": prices,
            "title": titles,
        }
    )


@pytest.fixture(scope="module")
def tables() -> tuple[FeatureTable, FeatureTable]:
    """A source and a target that share red, and the word dress."""
    source = frame(["blue", "red", "red", "blue"] * 3, [1, 2, 3, 4] * 3, ["blue dress", "red coat"] * 6)
    target = frame(["red", "white"] * 6, [2.5, 9, 2.5, 0.5] * 3, ["white dress", "red dress"] * 6)
    return fit_table(source, ROLES), fit_table(target, ROLES)


def alone(encoder, kind="numeric", name="c") -> FeatureTable:
    return FeatureTable((Column(name, kind, encoder),))


def names_of(table: FeatureTable) -> list[tuple[str, object]]:
    """What each feature stands for, as `transform` lays them out."""
    found: list[tuple[str, object]] = []
    for column in table.columns:
        encoder = column.encoder
        words = getattr(encoder, "values", getattr(encoder, "terms", None)) or range(encoder.width)
        found += [(column.name, word) for word in words]
    return found


def test_a_table_matches_itself_exactly(shop) -> None:
    table = fit_table(shop.items, shop.schema.items)
    found = match(table, table)
    width = table.transform(shop.items).matrix.shape[1]
    assert np.array_equal(found.mix.toarray(), np.eye(width))
    assert all(came == whole > 0 for came, whole in found.matched.values())
    assert list(found.matched) == [b.name for b in table.transform(shop.items).blocks]


def test_values_and_terms_match_by_name_and_hashes_by_place(tables) -> None:
    source, target = tables
    found = match(source, target)
    mix = found.mix.toarray()
    theirs, ours = names_of(source), names_of(target)
    assert mix.shape[0] == target.transform(frame(["red"], [1], ["x"])).matrix.shape[1]
    assert mix.shape[1] == source.transform(frame(["red"], [1], ["x"])).matrix.shape[1]
    for row, name in enumerate(ours):
        if name[0] != "price":
            naive = [float(other == name) for other in theirs]
            assert np.array_equal(mix[row, : len(theirs)], naive), name
            assert not mix[row, len(theirs) :].any()
    assert found.matched["colour"] == (1, 2)  # red, not white
    assert found.matched["tags"] == (2, 3)  # new and red
    assert found.matched["title"] == (2, 3)  # dress and red
    assert found.matched["brand"] == (256, 256)


def test_a_relative_price_matches_only_a_relative_price(tables) -> None:
    source, target = tables
    start = len(names_of(target))
    mix = match(source, target).mix.toarray()
    assert np.allclose(mix[start:, len(names_of(source)) :].sum(axis=1), 1)
    without = match(replace(source, relative=None), target)
    assert without.matched["price, relative"][0] == 0
    assert not without.mix.toarray()[start:].any()


knots = st.lists(st.integers(-1000, 1000), min_size=1, max_size=9, unique=True).map(
    lambda found: tuple(x / 8 for x in sorted(found))
)


@given(knots, knots)
def test_what_a_number_means_is_interpolated_between_the_sources_knots(source, target) -> None:
    value = np.cos(np.arange(len(source)))
    mix = match(alone(Hats(source)), alone(Hats(target))).mix
    assert np.allclose(mix @ value, np.interp(target, source, value), atol=1e-5)
    assert np.allclose(mix.sum(axis=1), 1, atol=1e-6)
    assert mix.getnnz(axis=1).max() <= 2


@given(knots, knots, st.integers(0, 2**9 - 1))
def test_what_the_source_never_met_is_left_out_of_the_means(source, target, bits) -> None:
    met = np.array([bits >> place & 1 for place in range(len(source))], dtype=bool)
    whole = match(alone(Hats(source)), alone(Hats(target)))
    found, before = whole.among(met).mix.toarray(), whole.mix.toarray()
    for ours, theirs in zip(found, before, strict=True):
        kept = theirs * met
        assert np.allclose(ours, kept / kept.sum() if kept.any() else 0, atol=1e-6)
    assert np.allclose(whole.among(np.ones(len(source), dtype=bool)).mix.toarray(), before)


@pytest.mark.parametrize(
    ("source", "target"),
    [(Hats(()), Hats((1.0, 2.0))), (Hats((1.0, 2.0)), Hats(())), (Terms((), ()), Terms(("a",), (1.0,)))],
)
def test_an_empty_column_matches_nothing(source, target) -> None:
    kind = "text" if isinstance(source, Terms) else "numeric"
    found = match(alone(source, kind), alone(target, kind))
    assert found.mix.shape == (target.width, source.width)
    assert found.mix.nnz == 0
    assert found.matched["c"] == (0, target.width)


def test_tables_without_columns_match(tables) -> None:
    nothing = FeatureTable(())
    assert match(nothing, nothing).mix.shape == (0, 0)
    assert match(nothing, tables[1]).mix.nnz == 0
    assert match(tables[0], nothing).mix.shape[0] == 0


def test_a_column_only_one_side_has_is_left_out() -> None:
    found = match(alone(Hats((1.0,)), name="a"), alone(Hats((1.0,)), name="b"))
    assert found.matched == {"b": (0, 1)}
    assert found.mix.nnz == 0


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (alone(Hats((1.0,))), alone(Terms(("a",), (1.0,)), "text"), ("numeric", "text")),
        (
            alone(Hats((1.0,))),
            FeatureTable((), (Vectors("c", Centre((0.0, 1.0))),)),
            ("numeric", "embedding of width 2"),
        ),
        (
            FeatureTable((), (Vectors("c", Centre((0.0, 1.0))),)),
            FeatureTable((), (Vectors("c", Centre((0.0, 1.0, 2.0))),)),
            ("an embedding of width 2", "an embedding of width 3"),
        ),
        (alone(Hashed(4), "hashed"), alone(Hashed(8), "hashed"), ("4 places", "8 places")),
    ],
)
def test_a_column_of_another_kind_or_width_is_named(source, target, words) -> None:
    with pytest.raises(UsageError) as caught:
        match(source, target)
    assert (caught.value.code, caught.value.where) == ("column_clash", "c")
    assert all(word in caught.value.message for word in words)
    assert caught.value.fix


def test_an_embedding_no_garment_had_clashes_with_nothing() -> None:
    empty, full = (FeatureTable((), (Vectors("c", Centre(mean)),)) for mean in ((), (0.0, 1.0)))
    assert match(empty, full).mix.shape == match(full, empty).mix.shape == (0, 0)
