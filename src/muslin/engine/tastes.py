"""A shopper's behaviour profile in words people can read."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from muslin.features.behaviour import DOMAINS
from muslin.features.categorical import Vocabulary
from muslin.features.numeric import Hats
from muslin.features.space import World
from muslin.types import Features

SCHEMA = {
    "user_id": pl.String(),
    "domain": pl.String(),
    "column": pl.String(),
    "value": pl.String(),
    "share": pl.Float64(),
}


def readable(world: World, ids: Sequence[str], found: Features, k: int) -> pl.DataFrame:
    """The `k` largest shares of each column, largest first: rows `user_id, domain, column, value, share`.

    `found`: `World.tastes` of `ids`. `domain` is null for tastes over all domains. A number is named by the knot of
    its scale it is nearest to. Where a garment has several values, each counts with 1 / sqrt of their number.
    """
    values = _values(world)
    whose = {DOMAINS: (None, DOMAINS)} | {
        (f"taste:{domain}:{column}" if domain else f"taste:{column}"): (domain, column)
        for domain in (None, *world.catalogue.domains)
        for column in values
    }
    frames = [pl.DataFrame(schema=SCHEMA)]
    for block in found.blocks:
        domain, column = whose[block.name]
        part = found.matrix[:, block.start : block.stop].tocoo()
        frame = pl.DataFrame(
            {
                "user_id": pl.Series(list(ids), dtype=pl.String).gather(part.row),
                "domain": pl.repeat(domain, part.nnz, dtype=pl.String, eager=True),
                "column": pl.repeat(column, part.nnz, dtype=pl.String, eager=True),
                "value": pl.Series(values[column], dtype=pl.String).gather(part.col),
                "share": part.data.astype(np.float64),
            }
        )
        frame = frame.filter(pl.col("share") > 0).sort("user_id", "share", "value", descending=[False, True, False])
        frames.append(frame.group_by("user_id", maintain_order=True).head(k).select(*SCHEMA))
    return pl.concat(frames)


def _values(world: World) -> dict[str, Sequence[str]]:
    names: dict[str, Sequence[str]] = {DOMAINS: world.catalogue.domains}
    for column in world.space.items.columns:
        encoder = column.encoder
        if isinstance(encoder, Vocabulary):
            names[column.name] = encoder.values
        elif isinstance(encoder, Hats):
            names[column.name] = [f"{knot:g}" for knot in encoder.knots]
    return names
