"""RecBole's atomic files: tab-separated tables whose header says of each column what it holds, `name:type`.

`token` is one value, `token_seq` several separated by spaces, `float` a number, `float_seq` several numbers.

Source: RecBole's documentation of its data format (Zhao et al. 2021, CIKM).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from muslin.data.quarantine import LINE
from muslin.data.read import Dialect, Table, read_delimited, require_columns
from muslin.data.schema import Roles
from muslin.errors import DataError, nearest

KINDS = ("token", "token_seq", "float", "float_seq")
_TITLES = ("title", "name")
_FEW, _OPEN = 50, 0.1


@dataclass(frozen=True)
class Atomic:
    """A file and the kind of each of its columns."""

    table: Table
    kinds: dict[str, str]

    def roles(self, key: str) -> Roles:
        """What the columns are as features, `key` left out.

        A `token_seq` called a title or a name is text, any other several values. A `token` column with more than 50
        values, and one in ten rows another, is of an open set: hashed. Columns without any value have no role.
        """
        frame = self.table.frame
        names = [name for name in self.kinds if name != key and frame[name].null_count() < len(frame)]
        of = {kind: [n for n in names if self.kinds[n] == kind] for kind in KINDS}
        hashed = [n for n in of["token"] if _open(frame[n].n_unique(), len(frame))]
        text = [n for n in of["token_seq"] if any(word in n.lower() for word in _TITLES)]
        return Roles(
            categorical=tuple(n for n in of["token"] if n not in hashed),
            hashed=tuple(hashed),
            multi=tuple(n for n in of["token_seq"] if n not in text),
            numeric=tuple(of["float"]),
            text=tuple(text),
            vector=tuple(of["float_seq"]),
        )

    def typed(self, roles: Roles) -> Table:
        """The table with lists where `roles` want lists."""
        parts = [pl.col(name).str.split(" ") for name in roles.multi]
        parts += [pl.col(name).str.split(" ").cast(pl.List(pl.Float64), strict=False) for name in roles.vector]
        return self.table.with_frame(self.table.frame.with_columns(parts))


def read_atomic(path: Path, key: tuple[str, ...]) -> Atomic:
    """The atomic file `path`, in which there must be the columns `key`.

    Raises `DataError` as `read_table` does, (`missing_column`) and (`bad_header`) for a column of unknown type.
    """
    table = read_delimited(path, Dialect(separator="\t"))
    headers = [name for name in table.frame.columns if name != LINE]
    parts = {header: header.rpartition(":") for header in headers}
    for header, (name, _, kind) in parts.items():
        if not name or kind not in KINDS:
            fix = f"write name:type, type one of {', '.join(KINDS)}; {nearest(kind, KINDS)}"
            raise DataError(f"column {header!r} has no type", code="bad_header", where=f"{path}:1", fix=fix)
    names = {header: name for header, (name, _, _) in parts.items()}
    if len(set(names.values())) < len(names):
        raise DataError("two columns share a name", code="duplicate_header", where=f"{path}:1", fix="rename one")
    renamed = replace(table, frame=table.frame.rename(names), origin=table.origin.rename(names))
    require_columns(renamed, key)
    return Atomic(renamed, {name: kind for name, _, kind in parts.values()})


def _open(values: int, rows: int) -> bool:
    return values > _FEW and values > _OPEN * rows
