"""A native dataset on disk: written beside its place and moved there whole, so that no half of one is ever seen."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from muslin.data import pictures
from muslin.data.checked import Cleaned
from muslin.data.checks import VERSION
from muslin.data.schema import Schema, write_schema
from muslin.errors import DataError, UsageError

TABLES = ("items", "users", "events")
SEAL = "checked.json"
PICTURES = "images.parquet"
_ASIDE = "-old"


def write_dataset(
    dst: Path,
    schema: Schema,
    cleaned: Cleaned,
    *,
    images: Iterator[pl.DataFrame] | None = None,
    overwrite: bool = False,
) -> pl.DataFrame:
    """Write the dataset directory `dst` and return its quarantine, which also holds refused `images`.

    `images`: batches of `item_id`, `bytes`. The directory appears complete or not at all; an interrupted call leaves
    what was there before. With `overwrite` an existing Muslin dataset is replaced, by two renames: a crash between
    them leaves the old one beside, under a hidden name, and nothing at `dst`.

    Raises `UsageError` (`destination_exists`, `not_a_dataset`) and `DataError` (`cannot_write`).
    """
    with staged(dst, overwrite=overwrite) as work:
        refused, count = _write_pictures(images, work / PICTURES) if images is not None else (pl.DataFrame(), 0)
        schema = replace(schema, images=PICTURES) if count else schema
        quarantine = pl.concat([cleaned.quarantine, refused]) if len(refused) else cleaned.quarantine
        for name in TABLES:
            getattr(cleaned, name).write_parquet(work / f"{name}.parquet")
        quarantine.write_parquet(work / "quarantine.parquet")
        write_schema(schema, work / "dataset.toml")
        seal(work)
    return quarantine


@contextmanager
def staged(dst: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A directory beside `dst` to fill, which takes its place when the block ends well, and is gone when it does not.

    Raises as `write_dataset` does.
    """
    check_destination(dst, overwrite=overwrite)
    try:
        place = dst.resolve()
        with _beside(place) as work:
            yield work
            _sync(work)
            _move(work, place)
    except OSError as error:
        message = f"the dataset cannot be written: {error.strerror or error}"
        raise DataError(message, code="cannot_write", where=str(dst), fix="free some space or choose another") from None


def check_destination(dst: Path, *, overwrite: bool) -> None:
    """Raise `UsageError` unless a dataset may be written to `dst`; `overwrite` replaces datasets, nothing else."""
    if not dst.exists() or (dst.is_dir() and not any(dst.iterdir())):
        return
    if not overwrite:
        message, fix = "the destination exists and is not empty", "choose another, or pass --overwrite"
        raise UsageError(message, code="destination_exists", where=str(dst), fix=fix)
    if not (dst / "dataset.toml").is_file():
        message = "only a Muslin dataset is overwritten, and this is none"
        raise UsageError(message, code="not_a_dataset", where=str(dst), fix="choose another, or remove it yourself")


def seal(folder: Path) -> None:
    """Declare that the tables in `folder` are just what `checks.clean` yields, so that loading them need not check."""
    (folder / SEAL).write_text(json.dumps(_seal(folder)), encoding="utf-8")


def is_sealed(folder: Path) -> bool:
    """Whether the tables in `folder` are, byte for byte, those that were sealed, by the rules of today."""
    try:
        return bool(json.loads((folder / SEAL).read_text(encoding="utf-8")) == _seal(folder))
    except (OSError, ValueError):
        return False


def _seal(folder: Path) -> dict[str, Any]:
    files = ["dataset.toml", *(f"{name}.parquet" for name in TABLES)]
    return {"checks": VERSION, "sha256": {name: _sha256(folder / name) for name in files}}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_pictures(batches: Iterator[pl.DataFrame], path: Path) -> tuple[pl.DataFrame, int]:
    """(quarantine, number written); no file when there is none."""
    schema = pa.schema([("item_id", pa.string()), ("bytes", pa.binary())])
    refused, count = [], 0
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for batch in batches:
            good, bad = pictures.sift(batch, PICTURES)
            refused.append(bad)
            if len(good):
                count += len(good)
                writer.write_table(good.to_arrow().cast(schema))
    if not count:
        path.unlink()
    return (pl.concat(refused) if refused else pl.DataFrame()), count


@contextmanager
def _beside(dst: Path) -> Iterator[Path]:
    """A directory beside `dst`, gone when the block ends without having moved it."""
    dst.parent.mkdir(parents=True, exist_ok=True)
    _sweep(dst)
    work = dst.with_name(f"{_prefix(dst)}{os.getpid()}-{secrets.token_hex(4)}")
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _prefix(dst: Path) -> str:
    return f".{dst.name}.muslin-"


def _sweep(dst: Path) -> None:
    """Remove what killed writers of `dst` left; a running one is known by its process and left alone.

    A dataset that was moved aside and never replaced is all there is of it: that stays.
    """
    for left in [p for p in dst.parent.iterdir() if p.name.startswith(_prefix(dst))]:
        owner = left.name.removeprefix(_prefix(dst)).split("-", 1)[0]
        only_copy = left.name.endswith(_ASIDE) and not dst.exists()
        if owner.isdigit() and not _runs(int(owner)) and not only_copy:
            shutil.rmtree(left, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(folder: Path) -> None:
    """Make the files of `folder`, and their names, outlast a power cut."""
    for path in (*folder.iterdir(), folder):
        _sync_one(path)


def _move(work: Path, dst: Path) -> None:
    old = None
    if dst.is_dir() and any(dst.iterdir()):
        old = dst.with_name(f"{work.name}{_ASIDE}")
        dst.rename(old)
    try:
        work.rename(dst)
    except OSError:
        if old is not None:
            old.rename(dst)
        raise
    _sync_one(dst.parent)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
