from collections import Counter
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.schema import ItemRoles, Roles
from muslin.survey.coverage import columns, described, has_value


def named(dataset) -> dict:
    return {column.name: column for column in columns(dataset.items, dataset.schema.items)}


def test_every_described_column_is_told_once(hostile) -> None:
    roles = hostile.schema.items
    assert [name for name, _ in described(roles)] == list(roles.columns())
    assert dict(described(ItemRoles(title="name", price="cost"))) == {"name": "title", "cost": "numeric"}


def test_coverage_counts_what_says_something(hostile) -> None:
    found = named(hostile)
    assert {name: round(column.coverage * 6) for name, column in found.items() if len(name) < 10} == {
        "brand": 5,
        "tags": 4,
        "price": 5,
        "title": 6,
        "v": 2,
    }
    assert (found["v"].width, found["v"].distinct) == (2, None)
    assert found["price"].quantiles == (1.0, 2.0, 3.0, 4.0, 9.0)


def test_several_values_of_a_row_count_once_each(hostile) -> None:
    tags = named(hostile)["tags"]
    assert (tags.distinct, tags.once) == (3, pytest.approx(1 / 3))
    assert [(c.value, c.share) for c in tags.common] == [("p", 0.75), ("z", 0.5), ("q", 0.25)]


def test_repeated_value_in_one_row_is_one() -> None:
    frame = pl.DataFrame({"tags": [["p", "p"], ["q"]]})
    assert columns(frame, Roles(multi=("tags",)))[0].common[0].share == 0.5


def test_texts_have_lengths_and_scripts() -> None:
    frame = pl.DataFrame({"t": ["红色裙", "red", None]})
    (text,) = columns(frame, Roles(text=("t",)))
    assert (text.lengths, text.han) == ((3.0,) * 5, 0.5)


def test_domains_are_told_apart_where_there_are_several(hostile) -> None:
    parts = {part.domain[:1]: (part.rows, part.coverage) for part in named(hostile)["price"].parts}
    assert parts == {"x": (3, 1.0), "y": (2, 0.5), "<": (1, 1.0)}
    alone = hostile.items.with_columns(domain=pl.lit("all"))
    assert columns(alone, hostile.schema.items)[0].parts == ()


def test_dates_are_told_as_dates() -> None:
    frame = pl.DataFrame({"day": [date(2020, 1, 1), date(2020, 1, 3), None]})
    (found,) = columns(frame, Roles(numeric=("day",)))
    assert found.quantiles is not None
    assert (found.quantiles[0], found.quantiles[2], found.quantiles[-1]) == ("2020-01-01", "2020-01-02", "2020-01-03")


def test_values_are_cut_and_without_escapes(hostile) -> None:
    values = [common.value for common in named(hostile)["brand"].common]
    assert max(map(len, values)) <= 80
    assert not any("\x1b" in value for value in values)


def test_nothing_is_no_value() -> None:
    assert has_value(pl.Series([1.0, float("nan"), None])).to_list() == [True, False, False]
    assert has_value(pl.Series([["a"], [], None], dtype=pl.List(pl.String))).to_list() == [True, False, False]
    array = pl.Series([[1.0, 2.0], None], dtype=pl.Array(pl.Float32, 2))
    assert has_value(array).to_list() == [True, False]
    frame = pl.DataFrame({"b": pl.Series([], dtype=pl.String), "n": pl.Series([None, None], dtype=pl.Float64)[:0]})
    found = columns(frame, Roles(categorical=("b",), numeric=("n",)))
    assert [(c.coverage, c.distinct, c.once, c.quantiles) for c in found] == [(0.0, 0, 0.0, None)] * 2


@given(st.lists(st.one_of(st.none(), st.sampled_from("abcdef"))))
def test_counts_are_those_of_a_plain_count(values) -> None:
    (found,) = columns(pl.DataFrame({"c": pl.Series(values, dtype=pl.String)}), Roles(categorical=("c",)))
    counted = Counter(value for value in values if value is not None)
    known = sum(counted.values())
    assert found.coverage == (known / len(values) if values else 0)
    assert found.distinct == len(counted)
    assert found.once == (sum(n == 1 for n in counted.values()) / len(counted) if counted else 0)
    best = sorted(counted.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)[:5]
    assert {(c.value, c.share) for c in found.common} == {(value, n / known) for value, n in best}
