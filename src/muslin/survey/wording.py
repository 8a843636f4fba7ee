"""Figures and strangers' values as people read them."""

import re

from muslin.survey.result import Column

LONGEST = 80
"""Characters of a value that are kept."""

_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Control characters, and those that turn the direction of what follows or show nothing."""


def plain(text: str, longest: int = LONGEST) -> str:
    """`text` in one short line, whatever it holds."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return _UNSHOWN.sub("\ufffd", cut)


def percent(share: float) -> str:
    """`97%`, with a decimal near the ends; 0% and 100% only where it is none or all."""
    if share in (0, 1):
        return f"{share:.0%}"
    if share < 0.0005:
        return "<0.1%"
    if share > 0.9995:
        return ">99.9%"
    return f"{share:.1%}" if share < 0.095 or share > 0.905 else f"{share:.0%}"


def number(value: float | str) -> str:
    """At most four digits that count, more for whole numbers; dates as they are."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:,.4g}"


def holds(column: Column) -> str:
    """What is in a column, in a line."""
    if column.quantiles:
        low, _, middle, _, high = map(number, column.quantiles)
        return f"{low} to {high}, median {middle}"
    if column.lengths:
        _, low, middle, high, _ = map(number, column.lengths)
        chinese = f", {percent(column.han)} Chinese" if column.han else ""
        return f"{middle} characters (half: {low} to {high}){chinese}"
    if column.width:
        return f"vectors of {column.width:,}"
    return ", ".join(f"{plain(c.value, 30)} {percent(c.share)}" for c in column.common[:3])
