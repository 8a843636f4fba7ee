import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.contract import Rule, failures, shown
from muslin.data.quarantine import LINE

RULES = [
    Rule("a", "no_a", lambda v: v.is_not_null(), "a is missing"),
    Rule("b", "big_b", lambda v: v < 3, "b {value} is too big", "written"),
    Rule("a", "negative_a", lambda v: v >= 0, "a {value} is negative"),
]


def frame(rows: list[tuple[int | None, int | None]]) -> pl.DataFrame:
    data = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.Int64}, orient="row")
    lines = pl.Series(LINE, [10 + 2 * n for n in range(len(rows))], dtype=pl.Int64)
    return data.with_columns(lines, pl.format("<{}>", "b").alias("written"))


def test_each_row_is_refused_once_by_its_first_rule() -> None:
    bad = failures(frame([(1, 1), (None, 9), (-1, 9), (-1, None), (5, None)]), RULES)
    assert bad.rows() == [
        (12, "no_a", "a is missing"),
        (14, "big_b", "b '<9>' is too big"),
        (16, "negative_a", "a '-1' is negative"),
    ]


@given(st.lists(st.tuples(st.none() | st.integers(-2, 5), st.none() | st.integers(-2, 5)), min_size=1, max_size=9))
def test_agrees_with_rows_looked_at_one_by_one(rows) -> None:
    def verdict(a, b):
        if a is None:
            return "no_a"
        if b is not None and b >= 3:
            return "big_b"
        return "negative_a" if a < 0 else None

    expected = [(10 + 2 * n, code) for n, row in enumerate(rows) if (code := verdict(*row))]
    assert failures(frame(rows), RULES).select(LINE, "code").rows() == expected


def test_no_rows_no_failures() -> None:
    assert failures(frame([]), RULES).is_empty()


def test_values_are_shown_short_and_without_control_characters() -> None:
    values = pl.DataFrame({"v": ["a\x1b[31m\n", "x" * 100, None, "裙"]})
    assert values.select(shown(pl.col("v"))).to_series().to_list() == [
        "'a\ufffd[31m\ufffd'",
        "'" + "x" * 60 + "…'",
        "nothing",
        "'裙'",
    ]
