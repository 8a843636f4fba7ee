"""`dataset.toml`: what each column of a native dataset means.

The three tables have fixed key columns and any number of described ones:

* `items.parquet`: `item_id`, `family` (variants of one product; default the item itself), `domain` (default `all`),
  and the columns `[items]` names by role.
* `users.parquet`: `user_id` and the columns `[users]` names by role.
* `events.parquet`: `user_id`, `item_id`, `timestamp` (UTC, µs), `event`, and optionally `value`.

CSV is accepted in place of Parquet.
"""

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import tomlkit

from muslin.errors import DataError, nearest

FORMAT = 1
"""Version of the dataset format this code writes; it reads this and older ones."""

DEFAULT_WEIGHTS: dict[str, float] = {
    "impression": 0.0,
    "view": 1.0,
    "click": 2.0,
    "cart": 3.0,
    "purchase": 5.0,
    "remove": 0.0,
}
"""How much an event says about taste, before anything is learned. 0: kept, but no evidence of liking."""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Which columns of a table are features, and of what kind."""

    categorical: tuple[str, ...] = ()
    """One value per row, of a set that training rows make known."""
    hashed: tuple[str, ...] = ()
    """One value per row, of a set that new rows add to: designers, prints, campaigns."""
    multi: tuple[str, ...] = ()
    """Several values per row: a list column, or text separated by `|`."""
    numeric: tuple[str, ...] = ()
    """A number."""
    date: tuple[str, ...] = ()
    """A day or a time: how new the row is. Beyond the newest of training counts as the newest."""
    text: tuple[str, ...] = ()
    """Words, in any language."""
    vector: tuple[str, ...] = ()
    """An embedding: a list of numbers, equally many in every row that has one."""

    def columns(self) -> tuple[str, ...]:
        """All described columns, in role order."""
        return (*self.categorical, *self.hashed, *self.multi, *self.numeric, *self.date, *self.text, *self.vector)


@dataclass(frozen=True, kw_only=True)
class ItemRoles(Roles):
    """Roles of item columns."""

    category: tuple[str, ...] = ()
    """Category path, coarse to fine; each also named in `categorical`."""
    title: str | None = None
    """Column shown to people."""
    price: str | None = None
    """Column the price filter reads; also named in `numeric`."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A part of the catalogue: rows whose `column` holds one of `values`. Rows no rule takes are `other`."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class VectorFile:
    """Vectors of items in a file beside the tables."""

    file: str
    """A `.npy` matrix with a row for each id in `ids`, or a Parquet file of `id_column` and `column`."""
    ids: str | None = None
    """Table whose `id_column` says whose the rows of a `.npy` are."""
    id_column: str = "item_id"
    column: str = "vector"


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Where a vector column that Muslin made comes from: which encoder, which version, and what it read."""

    encoder: str
    version: str
    text: str | None = None
    """The text column it read; None for the picture."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """Meaning of a dataset's columns."""

    name: str
    items: ItemRoles = field(default_factory=ItemRoles)
    users: Roles = field(default_factory=Roles)
    weights: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    """Weight of each event type; an event of any other type is bad data."""
    domains: dict[str, Domain] = field(default_factory=dict)
    timezone: str = "UTC"
    """Zone in which timestamps without one were written."""
    images: str | None = None
    """Directory of files named by their `item_id` (`.jpg`, `.png`, `.webp`, `.gif`, `.bmp`), or Parquet file of
    `item_id, bytes`; relative to the dataset.
    """
    vectors: dict[str, VectorFile] = field(default_factory=dict)
    """Files that become `vector` columns of the items, by the name of the column; a dataset in memory has none left."""
    encoded: dict[str, Encoded] = field(default_factory=dict)
    """Origin of each vector column that an encoder made; written by Muslin."""
    format: int = FORMAT


def read_schema(path: Path) -> Schema:
    """Schema of a `dataset.toml`; raises `DataError` naming the offending key."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            "this is not a Muslin dataset: dataset.toml is missing",
            code="not_a_dataset",
            where=str(path.parent),
            fix="make one with `muslin import SOURCE SRC DST`",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(str(error), code="bad_toml", where=str(path), fix="correct the TOML syntax") from None
    return parse_schema(raw, where=str(path))


def parse_schema(raw: dict[str, Any], *, where: str) -> Schema:
    """Schema of parsed TOML; unknown keys and wrong types are errors that name the key."""
    _refuse_unknown(raw, where)
    try:
        schema = msgspec.convert(raw, Schema)
    except msgspec.ValidationError as error:
        raise DataError(str(error), code="bad_schema", where=where, fix="see docs/data.md for the keys") from None
    if schema.format > FORMAT:
        raise DataError(
            f"dataset format {schema.format} is newer than this version reads ({FORMAT})",
            code="newer_format",
            where=where,
            fix="upgrade muslin",
        )
    return schema


def write_schema(schema: Schema, path: Path) -> None:
    """Write `schema` as TOML; None and empty entries are left out."""
    path.write_text(tomlkit.dumps(_pruned(asdict(schema))), encoding="utf-8")


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _pruned(v) for k, v in value.items() if v not in (None, (), {})}
    return list(value) if isinstance(value, tuple) else value


def _refuse_unknown(raw: dict[str, Any], where: str) -> None:
    known: list[tuple[str, Any, type[Any]]] = [
        ("", raw, Schema),
        ("items", raw.get("items"), ItemRoles),
        ("users", raw.get("users"), Roles),
    ]
    vectors = raw.get("vectors")
    known += [(f"vectors.{k}", v, VectorFile) for k, v in vectors.items()] if isinstance(vectors, dict) else []
    for section, table, shape in known:
        if not isinstance(table, dict):
            continue
        allowed = set(shape.__dataclass_fields__)
        for key in table:
            if key not in allowed:
                place = f"{where} [{section}]" if section else where
                raise DataError(f"unknown key {key!r}", code="unknown_key", where=place, fix=nearest(key, allowed))
