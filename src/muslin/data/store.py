"""A native dataset on disk: written beside its place and moved there whole, so that no half of one is ever seen."""

import hashlib
import json
from collections.abc import Iterator
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
from muslin.data.staging import Kind, staged

TABLES = ("items", "users", "events")
DATASET = Kind("dataset.toml", "dataset")
SEAL = "checked.json"
PICTURES = "images.parquet"


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
    with staged(dst, DATASET, overwrite=overwrite) as work:
        refused, count = _write_pictures(images, work / PICTURES) if images is not None else (pl.DataFrame(), 0)
        schema = replace(schema, images=PICTURES) if count else schema
        quarantine = pl.concat([cleaned.quarantine, refused]) if len(refused) else cleaned.quarantine
        for name in TABLES:
            getattr(cleaned, name).write_parquet(work / f"{name}.parquet")
        quarantine.write_parquet(work / "quarantine.parquet")
        write_schema(schema, work / "dataset.toml")
        seal(work)
    return quarantine


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
