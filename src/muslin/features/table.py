"""A feature table: every described column of a frame, encoded side by side; fitted once, kept as plain state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import msgspec
import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.data.schema import Roles
from muslin.features.categorical import Vocabulary, fit_vocabulary
from muslin.features.dense import Centre, fit_centre
from muslin.features.numeric import Hats, fit_hats
from muslin.features.text import Terms, fit_terms
from muslin.types import Block, Csr, Dense, Features

Kind = Literal["categorical", "multi", "numeric", "text"]
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
    "multi": fit_vocabulary,
    "numeric": fit_hats,
    "text": fit_terms,
}
_STATE: dict[Kind, type[Any]] = {"categorical": Vocabulary, "multi": Vocabulary, "numeric": Hats, "text": Terms}


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

    def transform(self, frame: pl.DataFrame) -> Features:
        """Features of `frame`'s rows; a column that `frame` lacks counts as missing everywhere."""
        parts, blocks, start = [], [], 0
        for column in self.columns:
            series = frame[column.name] if column.name in frame.columns else _absent(column.kind, len(frame))
            parts.append(column.encoder.transform(series))
            blocks.append(Block(column.name, start, start + column.encoder.width))
            start += column.encoder.width
        empty = sp.csr_matrix((len(frame), 0), dtype=np.float32)
        matrix = sp.hstack([empty, *parts], format="csr", dtype=np.float32)
        dense = tuple(Dense(v.name, v.centre.vectors(_vectors(frame, v.name))) for v in self.vectors)
        return Features(matrix, tuple(blocks), dense)

    def state(self) -> dict[str, Any]:
        """JSON-ready state; `from_state` restores the same table exactly."""
        columns = [{"name": c.name, "kind": c.kind, "encoder": msgspec.to_builtins(c.encoder)} for c in self.columns]
        return {"columns": columns, "vectors": msgspec.to_builtins(self.vectors)}


def from_state(state: dict[str, Any]) -> FeatureTable:
    """Table whose `state()` is `state`; raises `msgspec.ValidationError` when it is malformed."""
    columns = [Column(c["name"], c["kind"], msgspec.convert(c["encoder"], _STATE[c["kind"]])) for c in state["columns"]]
    return FeatureTable(tuple(columns), msgspec.convert(state["vectors"], tuple[Vectors, ...]))


def fit_table(frame: pl.DataFrame, roles: Roles) -> FeatureTable:
    """Fit every column that `roles` describes on the rows of `frame`."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    named = [(name, kind) for kind in kinds for name in getattr(roles, kind)]
    columns = tuple(Column(name, kind, _FIT[kind](frame[name])) for name, kind in named)
    return FeatureTable(columns, tuple(Vectors(name, fit_centre(frame[name])) for name in roles.vector))


def _vectors(frame: pl.DataFrame, name: str) -> pl.Series:
    return frame[name] if name in frame.columns else pl.Series(name, [None] * len(frame), dtype=pl.List(pl.Float32))


def _absent(kind: Kind, rows: int) -> pl.Series:
    dtype: Any = {"numeric": pl.Float64, "multi": pl.List(pl.String)}.get(kind, pl.String)
    return pl.Series([None] * rows, dtype=dtype)
