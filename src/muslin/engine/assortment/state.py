"""A model with its catalogue as it is now, and what each garment's row rests on."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from muslin.engine.assortment.rows import UPDATED
from muslin.engine.assortment.sift import NEVER
from muslin.engine.lookup import Lookup
from muslin.engine.model import Model
from muslin.features.append import keeping
from muslin.types import Bools, Ints


@dataclass(frozen=True)
class Assortment:
    """`model` knows all garments, also `hidden` [N] ones; times [N] are µs since 1970, `NEVER` for the model's own."""

    model: Model
    hidden: Bools
    stamps: Ints
    """When the row was last said to be as it is, or hidden."""
    stocked: Ints
    """When the stock was last said to be as it is."""
    since: Ints
    """When the garment first came."""
    told: Bools
    """Whether the row came after training."""
    lookup: Lookup
    """Of what the garments are, but for their stock."""

    def __len__(self) -> int:
        return len(self.hidden)

    def grown(self, model: Model) -> "Assortment":
        """The same with a `model` whose catalogue is longer; what is new is open and has no times yet."""
        more = len(model.world.catalogue) - len(self)
        never = np.full(more, NEVER, dtype=np.int64)
        return Assortment(
            model,
            np.concatenate([self.hidden, np.zeros(more, dtype=bool)]),
            np.concatenate([self.stamps, never]),
            np.concatenate([self.stocked, never]),
            np.concatenate([self.since, never]),
            np.concatenate([self.told, np.zeros(more, dtype=bool)]),
            Lookup(model.world.dataset.items),
        )

    def index(self, item: str) -> int:
        """Row of a garment that is there and not hidden, else -1."""
        row = int(self.model.world.item_rows([item])[0])
        return -1 if row < 0 or self.hidden[row] else row


def fresh(model: Model) -> Assortment:
    """The catalogue of `model` as it was trained, all of it open; its own `updated_at` counts."""
    model = replace(model, world=keeping(model.world))
    items, n = model.world.dataset.items, len(model.world.catalogue)
    stamps, stocked = np.full(n, NEVER, dtype=np.int64), np.full(n, NEVER, dtype=np.int64)
    if isinstance(items.schema.get(UPDATED), pl.Datetime):
        stamps = items[UPDATED].dt.epoch("us").fill_null(NEVER).to_numpy().astype(np.int64)
        if "stock" in items.columns:
            stocked = np.where(items["stock"].is_not_null().to_numpy(), stamps, NEVER)
    hidden, told = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    return Assortment(model, hidden, stamps, stocked, np.full(n, NEVER, dtype=np.int64), told, Lookup(items))
