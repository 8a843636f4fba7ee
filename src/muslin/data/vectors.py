"""A shop's own embeddings in files of their own: a `.npy` matrix beside a table of ids, or a Parquet file.

Python objects in a `.npy` are never read: they are pickles, which run what they contain.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from muslin.data.check_entities import id_rules
from muslin.data.checked import Note
from muslin.data.columns import as_id, as_vector
from muslin.data.contract import failures
from muslin.data.dataset import KEYS
from muslin.data.quarantine import LINE, Tally, empty
from muslin.data.read import Table, read_table, require_columns, require_file
from muslin.data.schema import Schema, VectorFile
from muslin.data.vector_checks import Codes, Matrix, Owners, Prints, Rows, judged, quarantine, tally_of
from muslin.errors import DataError
from muslin.progress import track
from muslin.types import Bools, Ints

Read = Callable[[Path], Table]

_MAGIC = b"\x93NUMPY"
_REPEATED = "repeated"
_CLASH = "the id has several vectors that differ"


@dataclass(frozen=True)
class ShopVectors:
    """Sound `values` [n] (List[Float32]) of the items `ids` [n], each once; what was refused, and remarks."""

    ids: pl.Series
    values: pl.Series
    quarantine: pl.DataFrame
    notes: tuple[Note, ...]
    tally: Tally


@dataclass(frozen=True)
class Joined:
    """A table of items with the vectors of files as columns, a schema that names these; what was refused, remarks."""

    items: Table
    schema: Schema
    quarantine: pl.DataFrame
    notes: tuple[Note, ...] = ()
    tallies: tuple[Tally, ...] = ()


def join_vectors(items: Table, schema: Schema, folder: Path, read: Read = read_table) -> Joined:
    """`items` with a column for each of `schema.vectors`, whose files are in `folder`; null where an item has none.

    `read` reads tables of ids. Vectors of items that are not there are left out with the remark `unknown_vectors`.
    Raises as `read_vectors` does, and `DataError`: `name_taken`, `no_known_item` when a file has vectors of no item.
    """
    joined = Joined(items, replace(schema, vectors={}), empty())
    if not schema.vectors:
        return joined
    require_columns(items, ("item_id",))
    names = list(schema.vectors)
    for name in track(names, "vectors", total=len(names)):
        joined = _with_file(joined, name, schema.vectors[name], folder, read)
    return joined


def _with_file(joined: Joined, name: str, place: VectorFile, folder: Path, read: Read) -> Joined:
    table, schema = joined.items, joined.schema
    if name in (*table.frame.columns, *KEYS["items"]):
        message, fix = f"{table.file} has a column {name!r} already", "give the vectors another name"
        raise DataError(message, code="name_taken", where=f"dataset.toml, vectors.{name}", fix=fix)
    found = read_vectors(place, folder, name=name, read=read)
    ids = as_id(table.frame["item_id"], f"{table.file}, column 'item_id'")
    known = found.ids.is_in(ids.drop_nulls().implode())
    if len(known) and not known.any():
        message = f"no item is called {found.ids[0]!r}, nor as any other of the {len(known):,} vectors"
        fix = f"check the ids: those of {table.file} are like {ids.drop_nulls().head(1).to_list()}"
        raise DataError(message, code="no_known_item", where=found.tally.file, fix=fix)
    strange = len(known) - int(known.sum())
    text = f"{strange:,} vectors of {found.tally.file} are of items that are not there, and are left out"
    unknown = (Note("unknown_vectors", found.tally.table, strange, text),) if strange else ()
    column = pl.DataFrame([found.ids.alias("id"), found.values.alias(name)])
    frame = table.frame.with_columns(ids.alias("__id__"))
    frame = frame.join(column, left_on="__id__", right_on="id", how="left", maintain_order="left").drop("__id__")
    roles = replace(schema.items, vector=tuple(dict.fromkeys((*schema.items.vector, name))))
    return Joined(
        table.with_frame(frame),
        replace(schema, items=roles),
        pl.concat([joined.quarantine, found.quarantine]),
        (*joined.notes, *found.notes, *unknown),
        (*joined.tallies, found.tally),
    )


def read_vectors(place: VectorFile, folder: Path, *, name: str = "vector", read: Read = read_table) -> ShopVectors:
    """Vectors called `name` in the files of `place` in `folder`: a matrix [n, width] and its ids, or Parquet.

    Rows without a vector are left out silently. Beyond what `vector_checks` refuses: ids that cannot be one, and
    `duplicate_id` where vectors of one item differ. Lines are rows, from 1.

    Raises `DataError`: as `read` does; `wrong_type`; `bad_npy`, `pickled_npy`, `wrong_shape`, `missing_ids`,
    `length_mismatch`. Whether too many were refused is for `data.quarantine.enforce` to say.
    """
    path = folder / place.file
    if path.suffix.lower() == ".npy":
        matrix, ids = _read_npy(path), _ids(place, folder, read)
        if len(ids) != len(matrix):
            message = f"{len(matrix):,} vectors, but {len(ids):,} ids in {place.ids}"
            raise DataError(message, code="length_mismatch", where=str(path), fix="export both anew, in one order")
        rows = Rows.of(matrix)
    else:
        table = read_table(path)
        require_columns(table, (place.id_column, place.column))
        rows = Rows.of(as_vector(table.frame[place.column], f"{path}, column {place.column!r}"))
        ids = as_id(table.frame[place.id_column], f"{path}, column {place.id_column!r}")
    return _sound(Owners(path.name, "item_id", ids, np.arange(1, len(ids) + 1)), rows, name)


def _sound(owners: Owners, rows: Rows, name: str) -> ShopVectors:
    width = rows.width()
    code, prints = judged(rows, width)
    reasons = _refuse_ids(owners.ids, code)
    repeated = _refuse_clashes(owners.ids, code, prints, rows.lengths >= 0)
    reasons |= dict.fromkeys(np.flatnonzero(code == "duplicate_id").tolist(), _CLASH)
    keep = np.flatnonzero((code == "") & (rows.lengths >= 0))
    code[code == _REPEATED] = ""
    refused = quarantine(rows, owners, code, width, reasons)
    tally = tally_of("items", name, owners.file, refused, kept=len(keep))
    text = f"{repeated:,} rows repeat another exactly and count once"
    notes = (Note("repeated_row", tally.table, repeated, text),) if repeated else ()
    return ShopVectors(owners.ids.gather(keep), _lists(rows, keep), refused, notes, tally)


def _refuse_ids(ids: pl.Series, code: Codes) -> dict[int, str]:
    """Set the `code` of rows whose id cannot be one; their reasons by row."""
    frame = pl.DataFrame({LINE: np.arange(len(ids)), "item_id": ids})
    bad = failures(frame, id_rules("item_id"))
    code[bad[LINE].to_numpy()] = bad["code"].to_numpy()
    return dict(zip(bad[LINE], bad["reason"], strict=True))


def _refuse_clashes(ids: pl.Series, code: Codes, prints: Prints, there: Bools) -> int:
    """Of equal vectors of one id keep the first; set the `code` of those that differ. How many are repeated."""
    sound = np.flatnonzero((code == "") & there)
    table = pl.DataFrame({"id": ids.gather(sound), "row": sound, "print": prints[sound]})
    table = table.filter(pl.col("id").is_duplicated())
    differ = pl.col("print").n_unique().over("id") > 1
    again = table.filter(~differ & ~pl.col("id").is_first_distinct())["row"].to_numpy()
    code[table.filter(differ)["row"].to_numpy()] = "duplicate_id"
    code[again] = _REPEATED
    return len(again)


def _lists(rows: Rows, keep: Ints) -> pl.Series:
    if isinstance(rows.values, pl.Series):
        return rows.values.gather(keep).cast(pl.List(pl.Float32))
    if not len(keep):
        return pl.Series(dtype=pl.List(pl.Float32))
    return pl.Series(np.ascontiguousarray(rows.values[keep], dtype=np.float32)).arr.to_list()


def _ids(place: VectorFile, folder: Path, read: Read) -> pl.Series:
    column = place.id_column
    if place.ids is None:
        message, fix = "a .npy file does not say whose vectors it holds", f"name a table (ids) with a column {column!r}"
        raise DataError(message, code="missing_ids", where=str(folder / place.file), fix=fix)
    path = folder / place.ids
    table = read(path)
    require_columns(table, (column,))
    if len(table.bad):
        message, fix = f"{len(table.bad):,} rows cannot be read, so the others cannot be counted off", "correct them"
        raise DataError(message, code="length_mismatch", where=str(path), fix=fix)
    return as_id(table.frame[column], f"{path}, column {column!r}")


def _read_npy(path: Path) -> Matrix:
    """The matrix in `path`, on disk until it is used."""
    require_file(path)
    fix = "store it again: np.save(path, matrix.astype('float32'))"
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise DataError("this is not a .npy file", code="bad_npy", where=str(path), fix=fix)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers of Python 2
            matrix: Matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # damaged headers make numpy raise nearly every kind there is
        pickled = "Python objects" in str(error) or "allow_pickle" in str(error)
        code, what = ("pickled_npy", "holds Python objects") if pickled else ("bad_npy", "is damaged")
        message = f"the .npy file {what} ({str(error)[:200]})"
        raise DataError(message, code=code, where=str(path), fix=fix) from None
    if matrix.ndim != 2 or not matrix.size or matrix.dtype.kind not in "fiu":
        message = f"the file holds {matrix.dtype} of shape {matrix.shape}, not one row of numbers an item"
        raise DataError(message, code="wrong_shape", where=str(path), fix=fix)
    return matrix
