"""A dataset's stored pictures: whose they are, which were refused, and small ones to be shown."""

import base64
import io
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl
from PIL import Image

from muslin.data import quarantine
from muslin.data.dataset import Dataset
from muslin.data.decode import Refused, decode
from muslin.data.pictures import SUFFIXES, by_name, from_folder, from_parquet
from muslin.errors import DataError
from muslin.survey.result import Pictures

CODES = ("bad_picture", "not_a_picture", "truncated", "too_large", "uninformative")
"""Why a picture is refused; the first by older versions."""
_SHOWN = 144


def place(dataset: Dataset) -> Path | None:
    """Where the pictures are; raises `DataError` (`missing_file`) when there is nothing where they should be."""
    if dataset.root is None or dataset.schema.images is None:
        return None
    found = dataset.root / dataset.schema.images
    if not found.exists():
        fix = "put the pictures there, or correct images in dataset.toml"
        raise DataError("there are no pictures here", code="missing_file", where=str(found), fix=fix)
    return found


def ids(source: Path) -> pl.Series:
    """Ids under which there are pictures; raises `DataError` (`bad_parquet`)."""
    if source.is_dir():
        stems = [path.stem for path in source.iterdir() if path.suffix.lower() in SUFFIXES]
        return pl.Series("item_id", stems, dtype=pl.String)
    try:
        return pl.read_parquet(source, columns=["item_id"], glob=False)["item_id"].cast(pl.String)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        message = f"the pictures cannot be read ({str(error).splitlines()[0][:200]})"
        raise DataError(message, code="bad_parquet", where=str(source), fix="import the dataset again") from None


def batches(source: Path, wanted: pl.Series) -> Iterator[pl.DataFrame]:
    """Batches with `item_id` and `bytes` of the pictures of the items `wanted`."""
    if source.is_dir():
        return from_folder(wanted, by_name(source))
    return from_parquet(source, wanted, id_column="item_id", bytes_column="bytes")


def counted(dataset: Dataset, stored: pl.Series, unreadable: dict[str, int] | None) -> Pictures:
    """How many items have a picture, and what was refused when they were imported, by code."""
    items = int(dataset.items["item_id"].is_in(stored.implode()).sum())
    return Pictures(items, _refused(dataset.root), unreadable)


def thumbnails(source: Path, wanted: Collection[str]) -> dict[str, str]:
    """Small JPEG files in base64 of the items `wanted`: pixels of ours, nothing of the files themselves."""
    found: dict[str, str] = {}
    for batch in batches(source, pl.Series("item_id", sorted(wanted), dtype=pl.String)):
        for name, content in batch.select("item_id", "bytes").iter_rows():
            pixels = decode(content or b"", _SHOWN)
            if not isinstance(pixels, Refused):
                file = io.BytesIO()
                Image.fromarray(pixels).save(file, "JPEG", quality=80)
                found.setdefault(name, base64.b64encode(file.getvalue()).decode())
    return found


def _refused(root: Path | None) -> dict[str, int]:
    try:
        rows = pl.read_parquet(root / "quarantine.parquet", glob=False) if root is not None else None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return {}  # none, or none that can be read: the pictures are as good as before
    if rows is None or dict(rows.schema) != quarantine.SCHEMA:
        return {}
    return quarantine.counts(rows.filter(pl.col("code").is_in(CODES)))
