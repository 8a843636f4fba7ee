"""A native dataset on disk: written beside its place and moved there whole, so that no half of one is ever seen."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from muslin.data import pictures
from muslin.data.checked import Cleaned
from muslin.data.checks import VERSION
from muslin.data.quarantine import empty
from muslin.data.schema import Schema, write_schema
from muslin.data.staging import Kind, staged

TABLES = ("items", "users", "events")
DATASET = Kind("dataset.toml", "dataset")
SEAL = "checked.json"
PICTURES = "images.parquet"


@dataclass(frozen=True)
class PictureCount:
    """Pictures `kept`, those of them that were made anew, and the quarantine of those refused."""

    kept: int = 0
    remade: int = 0
    refused: pl.DataFrame = field(default_factory=empty)


def write_dataset(
    dst: Path,
    schema: Schema,
    cleaned: Cleaned,
    *,
    images: Iterator[pl.DataFrame] | None = None,
    overwrite: bool = False,
) -> PictureCount:
    """Write the dataset directory `dst`, and say what became of `images`.

    `images`: batches as `pictures.SCHEMA` has them; refused ones join the quarantine. The directory appears complete or
    not at all; an interrupted call leaves what was there before. With `overwrite` an existing Muslin dataset is
    replaced, by two renames: a crash between them leaves the old one beside, under a hidden name, and nothing at `dst`.

    Raises `UsageError` (`destination_exists`, `not_a_dataset`) and `DataError` (`cannot_write`).
    """
    with staged(dst, DATASET, overwrite=overwrite) as work:
        count = _write_pictures(images, work / PICTURES) if images is not None else PictureCount()
        schema = replace(schema, images=PICTURES) if count.kept else schema
        for name in TABLES:
            getattr(cleaned, name).write_parquet(work / f"{name}.parquet")
        pl.concat([cleaned.quarantine, count.refused]).write_parquet(work / "quarantine.parquet")
        write_schema(schema, work / "dataset.toml")
        seal(work)
    return count


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


def _write_pictures(batches: Iterator[pl.DataFrame], path: Path) -> PictureCount:
    """Write those that are fit to be kept; no file when there is none."""
    schema = pa.schema([("item_id", pa.string()), ("bytes", pa.binary())])
    refused, kept, remade = [empty()], 0, 0
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for batch in pictures.sifted(batches):
            refused.append(batch.bad)
            kept, remade = kept + len(batch.good), remade + batch.remade
            if len(batch.good):
                writer.write_table(batch.good.to_arrow().cast(schema))
    if not kept:
        path.unlink()
    return PictureCount(kept, remade, pl.concat(refused))
