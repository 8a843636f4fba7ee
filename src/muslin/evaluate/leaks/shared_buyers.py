"""Twins across domains: two listings in different domains that nearly the same shoppers bought, likely one product.

A shopper who is asked for one and is known to have the other in the source domain gives the answer away, and whoever
learns which items go together finds it. The published Sport–Cloth files are full of them; so gains there are reported
on the files as they are and without twins.

Source: none; the measure is the Jaccard index of the sets of buyers.
"""

from collections.abc import Collection, Iterator
from itertools import combinations

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.types import Csr, Ints

OVERLAP = 0.8
"""Least Jaccard index of the buyers of twins."""
SHARED = 3
"""Least number of buyers they share."""
_ROWS = 4096
_TWINS = {
    "item_id": pl.String(),
    "domain": pl.String(),
    "twin_id": pl.String(),
    "twin_domain": pl.String(),
    "shared": pl.Int64(),
    "overlap": pl.Float64(),
}


def twin_items(events: pl.DataFrame, *, overlap: float = OVERLAP, shared: int = SHARED) -> pl.DataFrame:
    """Pairs of twins, each both ways round: `item_id`, `domain`, `twin_id`, `twin_domain`, `shared`, `overlap`.

    `events` (`user_id`, `item_id`, `domain`) are all there are, hidden ones too: twins are a fact about the data. On
    the training side alone they look less alike, since the asked shopper is missing from one of them.
    """
    if shared < 1 or not 0 < overlap <= 1:
        raise ValueError(f"overlap must be in (0, 1] and shared at least 1, got {overlap} and {shared}")
    pairs = events.select("user_id", "item_id", "domain").unique()
    bought = pairs.filter(pl.len().over("item_id", "domain") >= shared)
    bought = bought.with_columns(user=pl.col("user_id").rank("dense").cast(pl.Int64) - 1)
    sides = {name: _Side(rows) for (name,), rows in bought.sort("item_id").group_by("domain", maintain_order=True)}
    found = [pl.DataFrame(schema=_TWINS)]
    for (name, one), (other_name, other) in combinations(sorted(sides.items(), key=str), 2):
        for rows, columns, common, share in _alike(one, other, overlap, shared):
            values = (one.ids.gather(rows), name, other.ids.gather(columns), other_name, common, share)
            part = pl.DataFrame(dict(zip(_TWINS, values, strict=True)), schema_overrides=_TWINS)
            found += [part, part.select(_SWAPPED)]
    return pl.concat(found).sort("item_id", "domain", "twin_domain", "twin_id")


def asked_twins(events: pl.DataFrame, query: pl.DataFrame, twins: pl.DataFrame) -> pl.DataFrame:
    """Rows of `query` (`user_id`, `item_id`) whose shopper has a twin of the asked item in `events`, once each.

    `events` (`user_id`, `item_id`) is what is known when the question is put; `twins` is as `twin_items` gives it.
    """
    pairs = twins.select("item_id", "twin_id").unique()
    had = query.select("user_id", "item_id").join(pairs, on="item_id")
    known = events.select("user_id", pl.col("item_id").alias("twin_id"))
    told = had.join(known, on=["user_id", "twin_id"], how="semi").select("user_id", "item_id").unique()
    return query.join(told, on=["user_id", "item_id"], how="semi", maintain_order="left")


def without_twins(frame: pl.DataFrame, twins: pl.DataFrame, domains: Collection[str] | None = None) -> pl.DataFrame:
    """Rows of `frame` (`item_id`) that are of no twin, or of none in the named `domains`.

    Without the twins of its source domain a direction is clean, and its target domain is whole. Without those of all
    domains every direction is clean, and nothing is asked that has a twin.
    """
    gone = twins if domains is None else twins.filter(pl.col("domain").is_in(list(domains)))
    return frame.join(gone.select("item_id").unique(), on="item_id", how="anti", maintain_order="left")


_SWAPPED = [
    pl.col("twin_id").alias("item_id"),
    pl.col("twin_domain").alias("domain"),
    pl.col("item_id").alias("twin_id"),
    pl.col("domain").alias("twin_domain"),
    "shared",
    "overlap",
]


class _Side:
    """Who bought what in one domain: items `ids` and binary `buyers` [items, users]."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.ids = rows["item_id"].unique(maintain_order=True)
        item = rows["item_id"].rank("dense").to_numpy().astype(np.int64) - 1
        user = rows["user"].to_numpy()
        shape = (len(self.ids), int(user.max()) + 1)
        self.buyers: Csr = sp.csr_matrix((np.ones(len(rows), dtype=np.int64), (item, user)), shape=shape)


def _alike(
    one: _Side, other: _Side, overlap: float, shared: int
) -> Iterator[tuple[Ints, Ints, Ints, np.ndarray[tuple[int], np.dtype[np.float64]]]]:
    """(items of `one`, items of `other`, shared buyers, Jaccard index) of the pairs that are twins, block by block."""
    width = max(one.buyers.shape[1], other.buyers.shape[1])
    left, right = (
        sp.csr_matrix((side.buyers.data, side.buyers.indices, side.buyers.indptr), shape=(side.buyers.shape[0], width))
        for side in (one, other)
    )
    sizes, by_user = np.diff(right.indptr), sp.csr_matrix(right.T)
    for start in range(0, left.shape[0], _ROWS):
        block = left[start : start + _ROWS]
        common = (block @ by_user).tocoo()
        union = np.diff(block.indptr)[common.row] + sizes[common.col] - common.data
        kept = (common.data >= shared) & (common.data >= overlap * union - 1e-9)
        rows, columns, both = common.row[kept] + start, common.col[kept], common.data[kept]
        yield rows.astype(np.int64), columns.astype(np.int64), both.astype(np.int64), both / union[kept]
