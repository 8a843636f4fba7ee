"""Rows as JSON objects into a table: a value of the wrong type costs its own row, and no other."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from muslin.data.dataset import Dataset
from muslin.engine.assortment.outcome import Refusal, cut
from muslin.errors import nearest

Row: TypeAlias = Mapping[str, Any]

UPDATED, PATH = "updated_at", "category_path"
DEEPEST = 10
"""Levels of a category path; a deeper one is a mistake."""
_LARGEST = 3.4e38  # beyond it float32, in which features are kept, is infinite


class Read(NamedTuple):
    """Rows that have the right shape, with the place of each, and those that have not."""

    frame: pl.DataFrame
    places: tuple[int, ...]
    refused: tuple[Refusal, ...]


class _WrongError(Exception):
    """Ends the reading of one row."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def read_rows(rows: Sequence[Row], dataset: Dataset) -> Read:
    """`rows` as a table of the columns of the catalogue, `updated_at`, `stock` and whatever else it names.

    A row is refused with `missing_id`, `unknown_column`, `wrong_type`, `bad_price`, `bad_stock`, `not_a_number`,
    `empty_title`, `deep_category` or `category_cycle`.
    """
    shapes = _shapes(dataset)
    good, places, refused = [], [], []
    for place, row in enumerate(rows):
        try:
            good.append(_checked(row, shapes, dataset))
            places.append(place)
        except _WrongError as wrong:
            raw = cut(json.dumps(row, ensure_ascii=False, default=str))
            refused.append(Refusal(place, wrong.code, wrong.detail, raw=raw))
    return Read(_frame(good, dataset), tuple(places), tuple(refused))


def _checked(row: Row, shapes: Mapping[str, "_Shape"], dataset: Dataset) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise _WrongError("wrong_type", "a garment is an object")
    if row.get("item_id") is None:
        raise _WrongError("missing_id", "item_id is missing")
    out = {}
    for name, value in (_with_path(row, dataset) if PATH in row else row).items():
        shape = shapes.get(name)
        if shape is None:
            raise _WrongError("unknown_column", f"the catalogue has no such column; {nearest('', shapes)}")
        if value is not None and not shape.holds(value):
            raise _WrongError(shape.code, f"{name} is not {shape.called}")
        out[name] = value
    title = dataset.schema.items.title
    if title in out and not (out[title] or "").strip():
        raise _WrongError("empty_title", f"{title} is empty")
    return out


def _with_path(row: Row, dataset: Dataset) -> Row:
    """The row with the levels of `category_path` in the columns of the category; levels beyond those are dropped."""
    path, levels = row[PATH], dataset.schema.items.category
    if not (isinstance(path, list) and all(isinstance(level, str) for level in path)):
        raise _WrongError("wrong_type", f"{PATH} is not a list of names")
    if not levels:
        raise _WrongError("unknown_column", "the catalogue has no category path")
    if len(path) > DEEPEST:
        raise _WrongError("deep_category", f"{PATH} has more than {DEEPEST} levels")
    if len(set(path)) < len(path):
        raise _WrongError("category_cycle", f"{PATH} comes back to where it was")
    named = {name: path[depth] if depth < len(path) else None for depth, name in enumerate(levels)}
    return {**{k: v for k, v in row.items() if k != PATH}, **named}


class _Shape(NamedTuple):
    """What the values of a column must be."""

    holds: Callable[[Any], bool]
    called: str
    code: str = "wrong_type"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    return _is_text(value) or (isinstance(value, int) and not isinstance(value, bool))


def _listed(one: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(part is None or one(part) for part in value)


_TEXT = _Shape(_is_text, "text")
_NUMBER = _Shape(_is_number, "a number", "not_a_number")
_TIME = _Shape(_is_time, "a time")
_TEXTS = _Shape(lambda v: _is_text(v) or _listed(_is_text)(v), "a list of text")
_VECTOR = _Shape(_listed(_is_number), "a list of numbers")


def _shapes(dataset: Dataset) -> dict[str, _Shape]:
    """Shape of every column a row may have."""
    roles = dataset.schema.items
    shapes = {name: _of_type(dtype) for name, dtype in dataset.items.schema.items()}
    shapes |= {"item_id": _TEXT, "family": _TEXT, "domain": _TEXT, UPDATED: _TIME}
    shapes |= dict.fromkeys((*roles.categorical, *roles.hashed, *roles.text), _TEXT)
    shapes |= dict.fromkeys(roles.multi, _TEXTS) | dict.fromkeys(roles.numeric, _NUMBER)
    shapes |= dict.fromkeys(roles.date, _TIME) | dict.fromkeys(roles.vector, _VECTOR)
    if roles.title:
        shapes[roles.title] = _TEXT
    if roles.price:
        shapes[roles.price] = _Shape(_is_number, "a number", "bad_price")
    return shapes | {"stock": _Shape(_is_number, "a number", "bad_stock")}


def _of_type(dtype: pl.DataType) -> _Shape:
    """Shape of a column no role describes."""
    if isinstance(dtype, pl.List):
        inner = _of_type(dtype.inner)  # type: ignore[arg-type]
        return _Shape(_listed(inner.holds), f"a list, each {inner.called}")
    if dtype.is_integer():
        return _Shape(lambda v: isinstance(v, int) and not isinstance(v, bool), "a whole number")
    if dtype.is_numeric():
        return _Shape(_is_number, "a number")
    if dtype == pl.Boolean:
        return _Shape(lambda v: isinstance(v, bool), "true or false")
    return _TIME if dtype.is_temporal() else _TEXT


def _frame(rows: Sequence[Mapping[str, Any]], dataset: Dataset) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame([_column(name, [row.get(name) for row in rows], dataset) for name in names or ["item_id"]])


def _column(name: str, values: list[Any], dataset: Dataset) -> pl.Series:
    roles = dataset.schema.items
    if name in roles.vector:
        return pl.Series(name, values, dtype=pl.List(pl.Float64), strict=False)
    if name in roles.multi:
        values = [v.split("|") if isinstance(v, str) else v for v in values]
        return pl.Series(name, values, dtype=pl.List(pl.String))
    if name == UPDATED or name in roles.date:
        return pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String)
    if name == "stock" or name in roles.numeric:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    described = name in (*roles.columns(), "item_id", "family", "domain", roles.title)
    dtype = pl.String() if described else dataset.items.schema[name]
    if dtype.is_temporal():
        values = [None if v is None else str(v) for v in values]
        return pl.Series(name, values, dtype=pl.String)
    return pl.Series(name, values, dtype=dtype, strict=False)


def plain(value: Any) -> Any:
    """`value` of a table as JSON can hold it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value
