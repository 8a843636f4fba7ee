"""The answer of last resort: what most shoppers took, when the model itself cannot answer."""

import numpy as np
import polars as pl

from muslin.engine.filters import Filters, allowed
from muslin.engine.model import Model


def most_popular(model: Model, shopper: str, events: pl.DataFrame | None, filters: Filters, n: int) -> pl.DataFrame:
    """Up to `n` garments that meet `filters` and that `shopper` has no event with, most popular first.

    Columns as in `Model.recommend`; each path is `fallback`, each score the number of shoppers.
    """
    world, dataset = model.world, model.world.dataset
    open_rows = allowed(filters, dataset.items, dataset.schema)
    support = None if events is None else events.with_columns(weight=pl.lit(1.0, dtype=pl.Float32))
    open_rows[world.users([shopper], support).history.indices] = False
    rows = np.flatnonzero(open_rows)
    best = rows[np.argsort(-world.popularity[rows], kind="stable")][:n]
    return pl.DataFrame(
        {
            "user_id": pl.Series([shopper] * len(best), dtype=pl.String),
            "item_id": pl.Series(world.catalogue.ids[best].tolist(), dtype=pl.String),
            "score": world.popularity[best].astype(np.float32),
            "rank": np.arange(1, len(best) + 1, dtype=np.int64),
            "path": pl.Series(["fallback"] * len(best), dtype=pl.String),
        }
    )
