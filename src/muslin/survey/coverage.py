"""Every described column on its own: how often it has a value, how many, which, how long, and in which domains."""

from collections.abc import Iterator

import polars as pl

from muslin.data.schema import Roles
from muslin.survey.result import Column, Common, Part
from muslin.survey.wording import plain

KINDS = ("categorical", "multi", "hashed", "numeric", "date", "text", "vector")
"""Roles a column may have, in the order of the tables."""
WORDED = ("text", "title")
_COMMONEST = 5
_MOST_DOMAINS = 12
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def described(roles: Roles) -> Iterator[tuple[str, str]]:
    """(name, kind) of each column that `roles` describes, each once; a title or price that is no feature comes last."""
    found: dict[str, str] = {}
    for kind in (*KINDS, "title", "price"):
        named = getattr(roles, kind, None) or ()
        for name in (named,) if isinstance(named, str) else named:
            found.setdefault(name, "numeric" if kind == "price" else kind)
    yield from found.items()


def columns(frame: pl.DataFrame, roles: Roles) -> tuple[Column, ...]:
    """Each column of `frame` that `roles` describes; by `domain` where `frame` has several."""
    return tuple(_column(frame, name, kind) for name, kind in described(roles))


def has_value(column: pl.Series) -> pl.Series:
    """Which rows have a value; an empty list is none, nor is NaN."""
    known = column.is_not_null()
    if column.dtype in (pl.List, pl.Array):
        return known & (column.cast(pl.List(column.dtype.inner)).list.len() > 0).fill_null(value=False)  # type: ignore[attr-defined]
    return known & column.is_not_nan().fill_null(value=False) if column.dtype.is_float() else known


def share(count: int, of: int) -> float:
    """`count` / `of`; 0 of nothing."""
    return count / of if of else 0.0


def quantiles(values: pl.Series) -> tuple[float, ...] | None:
    """Least, quarter, median, three quarters, greatest of the numbers in `values`; None where there is none."""
    known = values.cast(pl.Float64).drop_nulls().drop_nans()
    if known.is_empty():
        return None
    return tuple(float(known.quantile(q, "linear") or 0.0) for q in _QUANTILES)


def _column(frame: pl.DataFrame, name: str, kind: str) -> Column:
    values, known = frame[name], has_value(frame[name])
    coverage, parts = share(int(known.sum()), len(frame)), _parts(frame, known)
    values = values.filter(known)
    if kind == "vector":
        width = values.list.len().max() if values.dtype == pl.List else getattr(values.dtype, "size", None)
        return Column(name, kind, coverage, width=int(width) if isinstance(width, int) else None, parts=parts)
    distinct, once, common = _values(values)
    if values.dtype.is_temporal():
        spread = quantiles(values.cast(pl.Datetime("us")).cast(pl.Int64))
        return Column(name, kind, coverage, distinct, once, quantiles=_dates(spread), parts=parts)
    if kind == "numeric":
        return Column(name, kind, coverage, distinct, once, quantiles=quantiles(values), parts=parts)
    if kind in WORDED:
        lengths, han = _text(values.cast(pl.String))
        return Column(name, kind, coverage, distinct, once, common, lengths=lengths, han=han, parts=parts)
    return Column(name, kind, coverage, distinct, once, common, parts=parts)


def _parts(frame: pl.DataFrame, known: pl.Series) -> tuple[Part, ...]:
    if "domain" not in frame.columns:
        return ()
    by_domain = pl.DataFrame({"domain": frame["domain"], "known": known}).group_by("domain")
    found = by_domain.agg(rows=pl.len(), coverage=pl.col("known").mean())
    if len(found) < 2:
        return ()
    largest = found.sort(["rows", "domain"], descending=[True, False]).head(_MOST_DOMAINS)
    return tuple(Part(plain(name), rows, mean) for name, rows, mean in largest.iter_rows())


def _values(values: pl.Series) -> tuple[int, float, tuple[Common, ...]]:
    """(different values, share of them met once, the most common); a row of several counts once for each."""
    rows = len(values)
    if values.dtype == pl.List:
        values = values.list.unique().explode(empty_as_null=False)
    counted = pl.DataFrame({"value": values}).drop_nulls().group_by("value").len()
    top = counted.sort(["len", "value"], descending=[True, False]).head(_COMMONEST)
    common = tuple(Common(plain(str(value)), share(count, rows)) for value, count in top.iter_rows())
    return len(counted), share(int((counted["len"] == 1).sum()), len(counted)), common


def _text(values: pl.Series) -> tuple[tuple[float, ...] | None, float]:
    """(quantiles of the lengths, share of the characters, spaces aside, that are Han)."""
    han, all_ = (int(values.str.count_matches(pattern).sum()) for pattern in (r"\p{Han}", r"\S"))
    return quantiles(values.str.len_chars()), share(han, all_)


def _dates(spread: tuple[float, ...] | None) -> tuple[str, ...] | None:
    if spread is None:
        return None
    moments = pl.Series([int(value) for value in spread]).cast(pl.Datetime("us"))
    return tuple(moments.dt.strftime("%Y-%m-%d"))
