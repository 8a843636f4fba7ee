"""Near-duplicate pictures of a catalogue, counted and shown.

A cold evaluation holds whole families out. A picture that a held-out family shares with another stays in training, and
the new garment is recognised by it: such groups leak.
"""

import polars as pl

from muslin.features.near_duplicates import Prints, grouped
from muslin.survey.result import Duplicates, Example, Shown
from muslin.survey.wording import plain


def duplicates(prints: Prints, items: pl.DataFrame, *, examples: int = 12) -> Duplicates:
    """Groups of two or more of the pictures of `items` (`item_id`, `family`, `title`), with some shown.

    Examples are of groups that cross families first, then of the largest.
    """
    table = pl.DataFrame({"item_id": prints.ids, "file": prints.file, "group": grouped(prints)}, schema_overrides=_ID)
    table = table.join(items, on="item_id", how="inner", maintain_order="left")
    table = table.filter(pl.len().over("group") > 1)
    shared = table.filter(pl.col("family").n_unique().over("file") > 1)
    groups = table.group_by("group").agg(
        pictures=pl.len(), families=pl.col("family").n_unique(), files=pl.col("file").n_unique()
    )
    crossing = groups.filter(pl.col("families") > 1)
    order = [pl.col("families") > 1, pl.col("families"), pl.col("pictures"), -pl.col("group")]
    shown = groups.sort(order, descending=True).head(examples)
    return Duplicates(
        compared=len(prints.ids),
        groups=len(groups),
        pictures=len(table),
        same_file_groups=int((groups["files"] == 1).sum()),
        crossing=len(crossing),
        crossing_pictures=int(crossing["pictures"].sum()),
        crossing_same_file=shared["group"].n_unique(),
        examples=tuple(_example(table, *row) for row in shown.iter_rows()),
    )


_ID = {"item_id": pl.String}


def _example(table: pl.DataFrame, group: int, pictures: int, families: int, files: int, most: int = 4) -> Example:
    rows = table.filter(pl.col("group") == group).with_columns(nth=pl.int_range(pl.len()).over("family"))
    some = rows.sort("nth", maintain_order=True).head(most).select("item_id", "family", "title")
    shown = tuple(Shown(name, family, plain(title or "")) for name, family, title in some.iter_rows())
    return Example(pictures, families, files == 1, shown)
