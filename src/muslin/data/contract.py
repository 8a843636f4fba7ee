"""Rules a column's values must keep, checked with pandera so that every failing row is known by its line."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import polars as pl

from muslin.data.quarantine import LINE

_SHOWN = 60


class Rule(NamedTuple):
    """`holds(values)` is true where `column` is as it should be (null: nothing to object to).

    A row that fails is refused with `code`; `reason` may show what it held as `{value}`, taken from the column `shown`
    (default: `column`).
    """

    column: str
    code: str
    holds: Callable[[pl.Expr], pl.Expr]
    reason: str
    shown: str = ""


BAD = {LINE: pl.Int64(), "code": pl.String(), "reason": pl.String()}
"""Columns of a frame of refused rows."""


def none_bad() -> pl.DataFrame:
    """No refused rows."""
    return pl.DataFrame(schema=BAD)


def failures(frame: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """Refused rows of `frame` (`BAD` columns), each once, with the first of `rules` that it breaks."""
    from pandera.errors import SchemaErrors  # a second of imports, so only when rows are really checked

    try:
        _contract(rules).validate(frame, lazy=True)
    except SchemaErrors as error:
        found = error.failure_cases.select(
            pl.col("check").cast(pl.Int64).alias("rule"), pl.col("index").cast(pl.Int64).alias("row")
        )
        first = found.sort("rule").unique("row", keep="first", maintain_order=True)
        parts = [_explained(frame, rules[rule], first.filter(pl.col("rule") == rule)["row"]) for rule in _rules(first)]
        return pl.concat(parts).sort(LINE)
    return none_bad()


def shown(value: pl.Expr) -> pl.Expr:
    """`value` fit to be read in a message: short, quoted, without control characters."""
    text = value.cast(pl.String).str.replace_all(r"[\p{Cc}\p{Cf}]", "\ufffd")
    cut = pl.when(text.str.len_chars() > _SHOWN).then(text.str.head(_SHOWN) + "…").otherwise(text)
    return (pl.lit("'") + cut + "'").fill_null("nothing")


def _rules(found: pl.DataFrame) -> list[int]:
    return [rule for rule, _ in groupby(found["rule"])]


def _contract(rules: Sequence[Rule]) -> Any:
    from pandera.polars import Column, DataFrameSchema

    # The check's name is the rule's place: it is what comes back with each failing row.
    numbered = sorted(enumerate(rules), key=lambda pair: pair[1].column)
    columns = {
        column: Column(None, [_check(place, rule) for place, rule in group], nullable=True)
        for column, group in groupby(numbered, key=lambda pair: pair[1].column)
    }
    return DataFrameSchema(columns)


def _check(place: int, rule: Rule) -> Any:
    from pandera.polars import Check

    def holds(data: Any) -> pl.LazyFrame:
        frame: pl.LazyFrame = data.lazyframe
        return frame.select(rule.holds(pl.col(data.key)).fill_null(value=True))

    return Check(holds, name=str(place), ignore_na=False)


def _explained(frame: pl.DataFrame, rule: Rule, rows: pl.Series) -> pl.DataFrame:
    before, has_value, after = rule.reason.partition("{value}")
    reason = pl.lit(before)
    if has_value:
        reason = reason + shown(pl.col(rule.shown or rule.column)) + pl.lit(after)
    return frame[rows].select(pl.col(LINE), pl.lit(rule.code).alias("code"), reason.alias("reason"))
