"""Categorical, multi-valued, numeric and text columns."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.features.categorical import fit_vocabulary
from muslin.features.numeric import fit_hats
from muslin.features.text import fit_terms, tokens

VALUES = st.lists(st.none() | st.sampled_from(["red", "blue", "grün", "红"]), min_size=1, max_size=20)
NUMBERS = st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=30)


@given(VALUES, VALUES)
def test_categories_are_indicators_and_strangers_are_empty(train, rows) -> None:
    vocabulary = fit_vocabulary(pl.Series(train, dtype=pl.String))
    matrix = vocabulary.transform(pl.Series(rows, dtype=pl.String)).toarray()
    assert matrix.shape == (len(rows), len({v for v in train if v is not None}))
    for row, value in zip(matrix, rows, strict=True):
        expected = [float(value == known) for known in vocabulary.values]
        assert row.tolist() == expected


def test_lists_are_scaled_to_unit_length() -> None:
    column = pl.Series([["a", "b"], ["b"], [], None, ["zzz"], ["a", "a"]], dtype=pl.List(pl.String))
    matrix = fit_vocabulary(column[:4]).transform(column).toarray()
    half = np.sqrt(0.5)
    assert np.allclose(matrix, [[half, half], [0, 1], [0, 0], [0, 0], [0, 0], [1, 0]])


@given(NUMBERS, NUMBERS)
def test_numbers_become_unit_vectors_and_missing_stays_empty(train, rows) -> None:
    hats = fit_hats(pl.Series(train, dtype=pl.Float64))
    matrix = hats.transform(pl.Series(rows, dtype=pl.Float64)).toarray()
    length = np.linalg.norm(matrix, axis=1)
    expected = [float(v is not None and hats.width > 0) for v in rows]
    assert np.allclose(length, expected, atol=1e-5)
    assert (matrix >= 0).all()


def test_nearby_numbers_look_alike() -> None:
    hats = fit_hats(pl.Series(np.linspace(0, 100, 1001)))
    matrix = hats.transform(pl.Series([50.0, 52.0, 80.0, -1e9, 0.0, float("nan"), float("inf")])).toarray()
    assert matrix[0] @ matrix[1] > 0.95 > 0.05 > matrix[0] @ matrix[2]
    assert np.allclose(matrix[3], matrix[4])
    assert not matrix[5:].any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red T-shirt, 2-pack", ["red", "t", "shirt", "2", "pack"]),
        ("红色连衣裙", ["红", "色", "连", "衣", "裙", "红色", "色连", "连衣", "衣裙"]),
        ("Slim牛仔 jeans", ["slim", "牛", "仔", "牛仔", "jeans"]),
        ("été_long", ["été", "long"]),
        ("---", []),
    ],
)
def test_tokens_of_both_languages(text, expected) -> None:
    assert tokens(text) == expected


def test_text_finds_the_similar_title() -> None:
    titles = pl.Series(
        ["red wool coat", "blue wool coat", "red summer dress", "红色羊毛大衣", "蓝色羊毛大衣", None, ""]
    )
    matrix = fit_terms(titles, min_rows=1).transform(titles)
    similar = (matrix @ matrix.T).toarray()
    assert similar[0, 1] > similar[0, 2] > 0
    assert similar[3, 4] > 0.3 > similar[3, 0]
    assert not similar[5:].any()


def test_text_without_a_term_left_is_empty() -> None:
    terms = fit_terms(pl.Series(["once", "only"]), min_rows=2)
    assert terms.transform(pl.Series(["once"])).shape == (1, 0)
    assert fit_terms(pl.Series([None], dtype=pl.String)).width == 0
