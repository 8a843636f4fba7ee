"""Pictures on both sides of a cut: a new garment that is photographed like a known one is recognised by its picture.

Families are held out whole, but one photograph may stand for two products, or one garment be listed twice.
"""

from collections.abc import Collection

import polars as pl

from muslin.data import pictures
from muslin.data.dataset import Dataset
from muslin.features.near_duplicates import Prints, fingerprints, grouped


def prints_of(dataset: Dataset) -> Prints | None:
    """Fingerprints of the dataset's pictures, None where it has none. Decodes every picture: do it once a run.

    Raises `DataError` (`missing_file`, `bad_parquet`) where the pictures should be.
    """
    if dataset.root is None or dataset.schema.images is None:
        return None
    place = pictures.place(dataset.root / dataset.schema.images)
    return fingerprints(pictures.batches(place, dataset.items["item_id"]))


def recognised(prints: Prints, new: Collection[str], trained: pl.Series) -> tuple[int, int]:
    """(items of `new` whose picture is nearly that of one of `trained`, items of `new` with a picture)."""
    table = pl.DataFrame({"item_id": pl.Series(prints.ids, dtype=pl.String), "group": grouped(prints)})
    known = table.filter(pl.col("item_id").is_in(trained.implode()))["group"].unique()
    shown = table.filter(pl.col("item_id").is_in(list(new)))
    return int(shown["group"].is_in(known.implode()).sum()), len(shown)
