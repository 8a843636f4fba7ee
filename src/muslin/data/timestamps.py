"""Moments in any sensible writing to UTC microseconds.

Accepted: RFC 3339 (`2024-05-01T12:00:00.5+02:00`), the same without a zone or with a space, plain dates, and epoch
numbers, whose unit is told by their size (below 1e11 seconds, 1e14 milliseconds, 1e17 microseconds, else nanoseconds).

A time without a zone is local time of the schema's zone. One that happened twice (clocks put back) is the earlier; one
that never happened (clocks put forward) is read with the offset before the change, as 02:30 becomes 03:30, so that day
stamps survive in zones that change at midnight.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from zoneinfo import available_timezones

import polars as pl

from muslin.errors import DataError, nearest

MOMENT = pl.Datetime("us", "UTC")
TIMELESS = "2000-01-01T00:00:00Z"
"""Time of every event of a source that knows none: one instant, so that nobody can take an order for a history."""
_ZONED = "%Y-%m-%dT%H:%M:%S%.f%#z"
_LOCAL = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_ANY = datetime(2001, 2, 3, tzinfo=UTC)
_NUMBER = r"^-?\d{1,19}(\.\d+)?$"


def parse_times(column: pl.Series, zone: str, *, where: str) -> pl.Series:
    """Datetime[µs, UTC] of `column`, null where it is missing or cannot be understood.

    `where` names file and column for the `DataError` (`wrong_type`) of a column that cannot hold times, and
    (`unknown_timezone`) of a `zone` that does not exist.
    """
    check_zone(zone, where)
    if column.dtype == pl.String:
        return _from_text(column, zone)
    if isinstance(column.dtype, pl.Datetime):
        plain = column.cast(pl.Datetime("us", column.dtype.time_zone))
        return localise(plain, zone) if column.dtype.time_zone is None else plain.dt.convert_time_zone("UTC")
    if column.dtype == pl.Date:
        return localise(column.cast(pl.Datetime("us")), zone)
    if column.dtype.is_integer() or column.dtype.is_float():
        return _from_epoch(column)
    if column.dtype == pl.Null:
        return column.cast(MOMENT)
    raise DataError(
        f"a column of type {column.dtype} cannot hold times", code="wrong_type", where=where, fix="store RFC 3339 text"
    )


def to_iso(column: pl.Series, time_format: str) -> pl.Series:
    """Text in `time_format` (strftime codes) rewritten as RFC 3339; what does not fit the format is left as it is."""
    zoned = any(code in time_format for code in ("%z", "%#z", "%:z"))
    zone = "UTC" if zoned else None
    try:
        # A format that polars cannot write it cannot read either, but it only says so when writing.
        pl.Series([_ANY], dtype=pl.Datetime("us", "UTC")).dt.strftime(time_format)
        read = column.str.to_datetime(time_format, strict=False, time_unit="us", time_zone=zone)
    except pl.exceptions.PolarsError:
        message, fix = f"{time_format!r} is no format of times", "use codes as in %d/%m/%Y %H:%M"
        raise DataError(message, code="bad_time_format", where="time_format", fix=fix) from None
    text = read.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if zoned else ""))
    return text.fill_null(column)


def localise(local: pl.Series, zone: str) -> pl.Series:
    """UTC of naive Datetime[µs] `local` in `zone`; see the module for times that happened twice or never."""
    found = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    if found.null_count() > local.null_count():
        # The day before has the offset that held before the clocks went forward.
        before = (local - timedelta(days=1)).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return found.dt.convert_time_zone("UTC").fill_null(before.dt.convert_time_zone("UTC") + timedelta(days=1))
    return found.dt.convert_time_zone("UTC")


def check_zone(zone: str, where: str) -> None:
    """Raise `DataError` (`unknown_timezone`) unless `zone` is an IANA time zone."""
    if zone not in _zones():
        message = f"no time zone is called {zone!r}"
        raise DataError(message, code="unknown_timezone", where=where, fix=nearest(zone, _zones()))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _from_text(column: pl.Series, zone: str) -> pl.Series:
    text = column.str.strip_chars().str.replace(r"^(\d{4}-\d{2}-\d{2})[ t]", "${1}T").str.replace(r" ?(?:UTC|z)$", "Z")
    local = [partial(_from_local, time_format=f, zone=zone) for f in _LOCAL]
    readers: list[Callable[[pl.Series], pl.Series]] = [_from_zoned, _from_number_text, *local]
    # No text fits two of them, so the likeliest goes first: a column is nearly always written in one way.
    sample = text.drop_nulls().head(100)
    readers.sort(key=lambda reader: reader(sample).null_count())
    found = pl.Series(column.name, [None], dtype=MOMENT).new_from_index(0, len(text))
    for reader in readers:
        left = text.set(found.is_not_null(), None)
        if left.null_count() == len(left):
            break
        found = found.fill_null(reader(left))
    return found


def _from_zoned(text: pl.Series) -> pl.Series:
    return text.str.to_datetime(_ZONED, strict=False, time_unit="us", time_zone="UTC")


def _from_local(text: pl.Series, time_format: str, zone: str) -> pl.Series:
    return localise(text.str.to_datetime(time_format, strict=False, time_unit="us"), zone)


def _from_number_text(text: pl.Series) -> pl.Series:
    numeric = text.set(~text.str.contains(_NUMBER).fill_null(value=False), None)
    whole = _from_epoch(numeric.cast(pl.Int64, strict=False))
    return whole.fill_null(_from_epoch(numeric.cast(pl.Float64, strict=False)))


def _from_epoch(column: pl.Series) -> pl.Series:
    value = pl.col("v")
    size = value.abs()
    units = [(1e11, 1_000_000), (1e14, 1_000)]
    exact = pl.Int64 if column.dtype.is_integer() else pl.Float64
    scaled = pl.when(size < units[0][0]).then(value * units[0][1]).when(size < units[1][0]).then(value * units[1][1])
    micros = scaled.when(size < 1e17).then(value).otherwise(value // 1_000)
    frame = pl.DataFrame({"v": column.cast(exact, strict=False)}).select(v=micros.cast(pl.Int64, strict=False))
    return frame["v"].cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
