"""A shop's own embeddings: a `.npy` matrix beside a table of ids, or a list column of a Parquet file.

Python objects in a `.npy` are never read: they are pickles, which run what they contain.
"""

import warnings
from pathlib import Path

import numpy as np
import polars as pl

from muslin.data.columns import as_id
from muslin.data.read import read_table, require_columns, require_file
from muslin.errors import DataError
from muslin.features.vector_checks import Matrix, Rows, ShopVectors, checked, usual_width
from muslin.types import Ints

_MAGIC = b"\x93NUMPY"


def read_vectors(
    path: Path,
    *,
    ids: Path | None = None,
    id_column: str = "item_id",
    vector_column: str = "vector",
    width: int | None = None,
) -> ShopVectors:
    """Vectors of a `.npy` file [n, width] whose rows are those of the table `ids`, or of a Parquet file.

    `width` (default: that of most rows) is what each vector must have. Rows without a vector are left out silently.

    Raises `DataError`: as `data.read.read_table`; `wrong_type`; `bad_npy`, `pickled_npy`, `wrong_shape`, `missing_ids`,
    `length_mismatch`. Whether too many rows were refused is for `data.quarantine.enforce` to say.
    """
    if path.suffix.lower() == ".npy":
        matrix, names = _read_npy(path), _ids(ids, id_column, path)
        if len(names) != len(matrix):
            message = f"{len(matrix):,} vectors, but {len(names):,} ids in {ids}"
            raise DataError(message, code="length_mismatch", where=str(path), fix="export both anew, in one order")
        lengths = np.full(len(matrix), matrix.shape[1], dtype=np.int64)
        return checked(names, Rows(path.name, lengths, matrix), width or matrix.shape[1])
    table = read_table(path)
    require_columns(table, (id_column, vector_column))
    lists = as_vectors(table.frame[vector_column], f"{path}, column {vector_column!r}")
    names = as_id(table.frame[id_column], f"{path}, column {id_column!r}")
    lengths = vector_lengths(lists)
    return checked(names, Rows(path.name, lengths, lists), width or usual_width(lengths))


def as_vectors(column: pl.Series, where: str) -> pl.Series:
    """List[Float64] of a list or array column of numbers. Raises `DataError` (`wrong_type`)."""
    inner = getattr(column.dtype, "inner", None)
    if column.dtype == pl.Null or (inner is not None and (inner.is_numeric() or inner == pl.Null)):
        return column.cast(pl.List(pl.Float64))
    message = f"a column of type {column.dtype} cannot hold vectors"
    raise DataError(message, code="wrong_type", where=where, fix="store a list of numbers")


def vector_lengths(lists: pl.Series) -> Ints:
    """[n] how many numbers each row of a list column holds; -1 where it holds no list."""
    return lists.list.len().cast(pl.Int64).fill_null(-1).to_numpy()


def _ids(path: Path | None, column: str, beside: Path) -> pl.Series:
    if path is None:
        message, fix = "a .npy file does not say whose vectors it holds", f"name a table whose column {column!r} does"
        raise DataError(message, code="missing_ids", where=str(beside), fix=fix)
    table = read_table(path)
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
