"""One column at a time into the type its role wants; a type that cannot become it is an error that names the column."""

import polars as pl

from muslin.errors import DataError

_TEXT = (pl.String, pl.Categorical, pl.Enum)


def as_id(column: pl.Series, where: str) -> pl.Series:
    """String ids exactly as given; whole numbers as decimal digits. Raises `DataError` (`wrong_type`)."""
    if column.dtype in _TEXT or column.dtype.is_integer() or column.dtype == pl.Null:
        return column.cast(pl.String)
    hint = "a float has already lost leading zeros: " if column.dtype.is_float() else ""
    raise _wrong_type(column, where, "ids", f"{hint}store ids as text")


def as_text(column: pl.Series, where: str) -> pl.Series:
    """String values as given; null where empty or only white space. Raises `DataError` (`wrong_type`)."""
    if not (column.dtype in (*_TEXT, pl.Boolean, pl.Null, pl.Date) or column.dtype.is_numeric()):
        raise _wrong_type(column, where, "text", "store it as text")
    text = column.cast(pl.String)
    return text.set(text.str.strip_chars() == "", None)


def as_list(column: pl.Series, where: str) -> pl.Series:
    """List[String]: a list column, or text cut at `|`; blanks leave, null where nothing is left.

    Raises `DataError` (`wrong_type`).
    """
    if column.dtype == pl.List and column.dtype.inner in (*_TEXT, pl.Null):  # type: ignore[attr-defined]
        lists = column.cast(pl.List(pl.String))
    elif column.dtype in (*_TEXT, pl.Null):
        lists = column.cast(pl.String).str.split("|")
    else:
        raise _wrong_type(column, where, "several values", "store a list of text, or text separated by |")
    value = pl.element().str.strip_chars()
    cleaned = lists.to_frame().select(pl.first().list.eval(value.filter(value != ""))).to_series()
    return cleaned.set(cleaned.list.len() == 0, None)


def as_number(column: pl.Series, where: str) -> pl.Series:
    """Float64: null where missing, NaN where there is something that is not a finite number.

    Raises `DataError` (`wrong_type`).
    """
    if column.dtype in _TEXT:
        text = column.cast(pl.String).str.strip_chars()
        text = text.set(text == "", None)
        number = text.cast(pl.Float64, strict=False)
        unread = text.is_not_null() & number.is_null()
    elif column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        number = column.cast(pl.Float64)
        unread = pl.repeat(value=False, n=len(column), eager=True)
    else:
        raise _wrong_type(column, where, "numbers", "store it as a number")
    return number.set(unread | number.is_infinite().fill_null(value=False), float("nan"))


def as_vector(column: pl.Series, where: str) -> pl.Series:
    """List of floats, null where missing; nothing is said about the numbers. Raises `DataError` (`wrong_type`)."""
    inner = getattr(column.dtype, "inner", None)
    if column.dtype != pl.Null and (inner is None or not (inner.is_numeric() or inner == pl.Null)):
        raise _wrong_type(column, where, "vectors", "store a list of numbers")
    return column.cast(pl.List(inner if inner in (pl.Float32, pl.Float64) else pl.Float64))


def _wrong_type(column: pl.Series, where: str, holds: str, fix: str) -> DataError:
    message = f"a column of type {column.dtype} cannot hold {holds}"
    return DataError(message, code="wrong_type", where=where, fix=fix)
