"""Muslin's own dataset directory; see `data.schema` for its layout."""

import logging
from pathlib import Path

import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.importing import Tables
from muslin.data.quarantine import SCHEMA, enforce, write
from muslin.data.read import Table, find_table, read_table
from muslin.data.schema import read_schema
from muslin.data.store import TABLES, is_sealed
from muslin.data.vectors import join_vectors
from muslin.errors import DataError, nearest

_log = logging.getLogger(__name__)


def load(path: Path, *, max_bad: float) -> Dataset:
    """Dataset in the directory `path`.

    Vectors in files of their own (`[vectors.NAME]` of dataset.toml) become columns of the items.

    Tables that `store.write_dataset` wrote and nobody changed since are taken as they are. Any others pass the checks:
    refused rows go to `quarantine.parquet` in the directory, remarks to the log. `items` and `events` must be there,
    `users` may be missing; each as Parquet or CSV.

    Raises `DataError`: `missing_file`, `not_a_dataset`, those of `read_schema`, `read_table`, `join_vectors` and
    `clean`, and `too_many_bad_rows` or `no_good_rows` when more than the share `max_bad` of a table is bad.
    """
    _require_folder(path)
    schema = read_schema(path / "dataset.toml")
    if is_sealed(path) and not schema.vectors:
        items, users, events = (pl.read_parquet(path / f"{name}.parquet", glob=False) for name in TABLES)
        return Dataset(schema, items, users, events, root=path)
    optional_users = read_table(found) if (found := find_table(path, "users")) else None
    joined = join_vectors(_table(path, "items"), schema, path)
    cleaned = Tables.of(joined, optional_users, _table(path, "events")).cleaned()
    kept_at = path / "quarantine.parquet"
    own = [f"{name}{suffix}" for name in TABLES for suffix in (".csv", ".parquet")]
    own += [Path(place.file).name for place in schema.vectors.values()]
    refused = _with_earlier(cleaned.quarantine, kept_at, own)
    enforce(cleaned.tallies, refused, max_bad, kept_at)
    if len(cleaned.quarantine):
        _keep(refused, kept_at)
        _log.warning("%s: %d rows or vectors refused, see %s", path, len(cleaned.quarantine), kept_at)
    for note in cleaned.warnings:
        _log.warning("%s, %s: %s", path, note.table, note.text)
    return Dataset(joined.schema, cleaned.items, cleaned.users, cleaned.events, root=path)


def _table(path: Path, name: str) -> Table:
    found = find_table(path, name)
    if found is None:
        near = {p.stem: p.name for p in path.iterdir() if p.suffix in (".csv", ".parquet")}
        message, fix = f"there is no {name}.parquet or {name}.csv", nearest(name, near)
        raise DataError(message, code="missing_file", where=str(path), fix=fix)
    return read_table(found)


def _require_folder(path: Path) -> None:
    if path.is_dir():
        return
    if path.exists():
        message, fix = "this is a file, a dataset is a directory", "name the directory, or import the file first"
    else:
        near = [p.name for p in path.parent.iterdir() if p.is_dir()] if path.parent.is_dir() else []
        message, fix = "there is no such directory", nearest(path.name, near)
    raise DataError(message, code="missing_file", where=str(path), fix=fix)


def _with_earlier(refused: pl.DataFrame, kept_at: Path, own: list[str]) -> pl.DataFrame:
    """`refused` and what an import left there before, of other files than those just read, which are `own`."""
    if not kept_at.is_file():
        return refused
    try:
        earlier = pl.read_parquet(kept_at, glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return refused
    if dict(earlier.schema) != SCHEMA:
        return refused
    return pl.concat([earlier.filter(~pl.col("file").is_in(own)), refused])


def _keep(refused: pl.DataFrame, kept_at: Path) -> None:
    try:
        write(refused, kept_at)
    except OSError as error:
        # A dataset on a read-only disk is still a good dataset.
        _log.warning("%s cannot be written: %s", kept_at, error.strerror)
