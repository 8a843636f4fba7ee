"""A feature table: every described column of a frame, encoded side by side; fitted once, kept as plain state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import msgspec
import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.data.schema import ItemRoles, Roles
from muslin.features.categorical import Vocabulary, fit_vocabulary
from muslin.features.dense import Centre, fit_centre
from muslin.features.hashed import Hashed, fit_hashed
from muslin.features.numeric import Hats, fit_hats
from muslin.features.relative import Relative, fit_relative
from muslin.features.text import Terms, fit_terms
from muslin.types import Block, Csr, Dense, Features

Kind = Literal["categorical", "hashed", "multi", "numeric", "date", "text"]
"""Kinds of columns that become blocks of the sparse matrix; `vector` columns stay dense."""


class Encoder(Protocol):
    """Fitted state of one column."""

    @property
    def width(self) -> int:
        """Number of feature columns."""
        ...

    def transform(self, column: pl.Series) -> Csr:
        """Features [rows, width] of `column`."""
        ...


_FIT: dict[Kind, Callable[[pl.Series], Encoder]] = {
    "categorical": fit_vocabulary,
    "hashed": fit_hashed,
    "multi": fit_vocabulary,
    "numeric": fit_hats,
    "date": fit_hats,
    "text": fit_terms,
}
_STATE: dict[Kind, type[Any]] = {
    "categorical": Vocabulary,
    "hashed": Hashed,
    "multi": Vocabulary,
    "numeric": Hats,
    "date": Hats,
    "text": Terms,
}


@dataclass(frozen=True)
class Column:
    """One encoded column."""

    name: str
    kind: Kind
    encoder: Encoder


@dataclass(frozen=True)
class Vectors:
    """One embedding column."""

    name: str
    centre: Centre


@dataclass(frozen=True)
class FeatureTable:
    """Encoders of a table's described columns, in role order."""

    columns: tuple[Column, ...]
    vectors: tuple[Vectors, ...] = ()
    relative: Relative | None = None
    """The price within its category, where the table has both: a block `PRICE, relative`."""

    def transform(self, frame: pl.DataFrame) -> Features:
        """Features of `frame`'s rows; a column that `frame` lacks counts as missing everywhere."""
        parts, blocks, start = [], [], 0
        for column in self.columns:
            series = frame[column.name] if column.name in frame.columns else _absent(column.kind, len(frame))
            parts.append(column.encoder.transform(series))
            blocks.append(Block(column.name, start, start + column.encoder.width))
            start += column.encoder.width
        if self.relative is not None:
            parts.append(self.relative.transform(frame))
            blocks.append(Block(f"{self.relative.price}, relative", start, start + self.relative.width))
        empty = sp.csr_matrix((len(frame), 0), dtype=np.float32)
        matrix = sp.hstack([empty, *parts], format="csr", dtype=np.float32)
        dense = tuple(Dense(v.name, v.centre.vectors(_vectors(frame, v.name))) for v in self.vectors)
        return Features(matrix, tuple(blocks), dense)

    def state(self) -> dict[str, Any]:
        """JSON-ready state; `from_state` restores the same table exactly."""
        columns = [{"name": c.name, "kind": c.kind, "encoder": msgspec.to_builtins(c.encoder)} for c in self.columns]
        return {
            "columns": columns,
            "vectors": msgspec.to_builtins(self.vectors),
            "relative": msgspec.to_builtins(self.relative),
        }


def from_state(state: dict[str, Any]) -> FeatureTable:
    """Table whose `state()` is `state`; raises `msgspec.ValidationError` when it is malformed."""
    columns = [Column(c["name"], c["kind"], msgspec.convert(c["encoder"], _STATE[c["kind"]])) for c in state["columns"]]
    relative = msgspec.convert(state.get("relative"), Relative | None)
    return FeatureTable(tuple(columns), msgspec.convert(state["vectors"], tuple[Vectors, ...]), relative)


def fit_table(frame: pl.DataFrame, roles: Roles) -> FeatureTable:
    """Fit every column that `roles` describes on the rows of `frame`."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    named = [(name, kind) for kind in kinds for name in getattr(roles, kind)]
    columns = tuple(Column(name, kind, _FIT[kind](frame[name])) for name, kind in named)
    vectors = tuple(Vectors(name, fit_centre(frame[name])) for name in roles.vector)
    return FeatureTable(columns, vectors, _relative(frame, roles))


def _relative(frame: pl.DataFrame, roles: Roles) -> Relative | None:
    if not isinstance(roles, ItemRoles) or roles.price is None or not roles.category:
        return None
    return fit_relative(frame, roles.price, roles.category)


def _vectors(frame: pl.DataFrame, name: str) -> pl.Series:
    return frame[name] if name in frame.columns else pl.Series(name, [None] * len(frame), dtype=pl.List(pl.Float32))


def _absent(kind: Kind, rows: int) -> pl.Series:
    dtype: Any = {"numeric": pl.Float64, "date": pl.Float64, "multi": pl.List(pl.String)}.get(kind, pl.String)
    return pl.Series([None] * rows, dtype=dtype)
