"""A dataset's stored pictures: whose they are, which were refused, and small ones to be shown."""

import base64
import io
from collections.abc import Collection
from pathlib import Path

import polars as pl
from PIL import Image

from muslin.data import pictures, quarantine
from muslin.data.dataset import Dataset
from muslin.data.decode import Refused, decode
from muslin.survey.result import Pictures

CODES = ("bad_picture", "not_a_picture", "truncated", "too_large", "uninformative")
"""Why a picture is refused; the first by older versions."""
_SHOWN = 144


def place(dataset: Dataset) -> Path | None:
    """Where the pictures are; raises `DataError` (`missing_file`) when there is nothing where they should be."""
    if dataset.root is None or dataset.schema.images is None:
        return None
    return pictures.place(dataset.root / dataset.schema.images)


def counted(dataset: Dataset, stored: pl.Series, unreadable: dict[str, int] | None) -> Pictures:
    """How many items have a picture, and what was refused when they were imported, by code."""
    items = int(dataset.items["item_id"].is_in(stored.implode()).sum())
    return Pictures(items, _refused(dataset.root), unreadable)


def thumbnails(source: Path, wanted: Collection[str]) -> dict[str, str]:
    """Small JPEG files in base64 of the items `wanted`: pixels of ours, nothing of the files themselves."""
    found: dict[str, str] = {}
    for batch in pictures.batches(source, pl.Series("item_id", sorted(wanted), dtype=pl.String)):
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
