"""A fitted model: recommends garments to shoppers and shoppers to garments, known and unknown alike."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from muslin.engine import rank
from muslin.engine.filters import Filters, allowed
from muslin.engine.newcomers import newcomers
from muslin.engine.similar import similar
from muslin.engine.tastes import readable
from muslin.errors import UsageError, nearest
from muslin.features.append import with_rows
from muslin.features.embed import embedded
from muslin.features.space import World
from muslin.method import Fitted
from muslin.types import Items, Users


@dataclass(frozen=True)
class Model:
    """What `fit` returns and `load` restores. Frozen: adding items or events gives another model."""

    method: str
    """Registry name."""
    options: dict[str, Any]
    """Its resolved configuration."""
    seed: int
    fitted: Fitted
    world: World
    metrics: dict[str, Any] = field(default_factory=dict)
    """What evaluation found, if anyone asked."""

    def recommend(
        self,
        users: str | Sequence[str],
        k: int = 20,
        *,
        filters: Filters | None = None,
        filter_seen: bool = True,
        events: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """Best `k` garments for each of `users`, best first: `user_id, item_id, score, rank, path`.

        Unknown users are answered too (`path` says how). `events` (`user_id, item_id`, optionally `event`) are fresh
        events of these users that the model has not seen. `filter_seen` leaves out what a user already has. Raises
        `UsageError` for `k < 1`, unknown items in `events` or a filter on an unknown column.
        """
        ids = [users] if isinstance(users, str) else list(users)
        support = self._support(events)
        asked = self.world.users(ids, support, self.fitted.method.evidence)
        open_rows = self._open_rows(filters)
        return rank.garments(self.fitted, self.world, ids, asked, open_rows, k=_positive(k), filter_seen=filter_seen)

    def recommend_to_items(self, items: str | Sequence[str], k: int = 20, *, filter_seen: bool = True) -> pl.DataFrame:
        """Best `k` known shoppers for each of `items`, best first; columns as in `recommend`.

        Raises `UsageError` for items the catalogue lacks; add new garments with `with_items` first.
        """
        ids = [items] if isinstance(items, str) else list(items)
        self._refuse_unknown(ids)
        return rank.shoppers(self.fitted, self.world, self.world.items(ids), k=_positive(k), filter_seen=filter_seen)

    def with_items(self, items: pl.DataFrame, pictures: Mapping[str, bytes] | None = None) -> "Model":
        """Model whose catalogue also holds `items`: `item_id` and any columns the catalogue has.

        `pictures`: files of new garments by id, read by the encoders the model was fitted with, as texts are; one that
        cannot be read counts as missing. New garments are cold: they are ranked by content. They are appended and
        encoded alone; a row whose id is known replaces that row where it stands. Raises `DataError` naming the row and
        the fix when one cannot be used, `ModelError` (`other_encoder`) when an encoder has changed since.
        """
        dataset = self.world.dataset
        fresh = newcomers(items, dataset)
        fresh = fresh.drop(c for c in dataset.schema.encoded if c not in items.columns)
        fresh = embedded(fresh, dataset.schema, pictures or {})
        rows = pl.concat([dataset.items.clear(), fresh], how="diagonal").select(dataset.items.columns)
        return replace(self, world=with_rows(self.world, rows))

    def tastes(self, users: str | Sequence[str], k: int = 3, *, events: pl.DataFrame | None = None) -> pl.DataFrame:
        """What `users` took: the `k` commonest values of each column, as `user_id, domain, column, value, share`.

        The behaviour profile of `features.behaviour`. `events` as in `recommend`. Raises as `recommend` does.
        """
        ids = [users] if isinstance(users, str) else list(dict.fromkeys(users))
        return readable(self.world, ids, self.world.tastes(ids, self._support(events)), _positive(k))

    def similar(
        self, items: str | Sequence[str], k: int = 10, *, columns: Collection[str] | None = None
    ) -> pl.DataFrame:
        """The `k` garments most like each of `items`, nearest first: `item_id, similar_id, score, rank`.

        By content alone, the mean over `columns` (all unless named); see `engine.similar`. The same family is left out.
        Raises `UsageError` for items or columns the catalogue lacks and for `k < 1`.
        """
        ids = [items] if isinstance(items, str) else list(items)
        self._refuse_unknown(ids)
        return similar(self.world, ids, _positive(k), columns=columns)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model as a directory; see `engine.artefact`."""
        from muslin.engine.artefact import save

        return save(self, Path(path), overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> "Model":
        """Verify and read a model directory; raises `ModelError` naming the damaged file."""
        from muslin.engine.artefact import load

        return load(Path(path))

    def score(self, users: Users, items: Items) -> torch.Tensor:
        """Scores [U, I], as everything else in the model computes them."""
        return rank.scores(self.fitted, self.world, users, items)

    def _open_rows(self, filters: Filters | None) -> np.ndarray:
        if filters is None:
            return np.arange(len(self.world.catalogue), dtype=np.int64)
        dataset = self.world.dataset
        return np.flatnonzero(allowed(filters, dataset.items, dataset.schema)).astype(np.int64)

    def _support(self, events: pl.DataFrame | None) -> pl.DataFrame | None:
        if events is None or events.is_empty():
            return None
        for name in ("user_id", "item_id"):
            if name not in events.columns or events[name].null_count():
                fix = "give user_id and item_id in every row"
                raise UsageError(f"events need {name!r} in every row", code="missing_column", where="events", fix=fix)
        self._refuse_unknown(events["item_id"].to_list())
        weights = self.world.dataset.schema.weights
        if "event" not in events.columns:
            return events.select("user_id", "item_id", weight=pl.lit(1.0, dtype=pl.Float32))
        for name in events["event"].unique():
            if name not in weights:
                fix = nearest(str(name), weights)
                raise UsageError(f"unknown event type {name!r}", code="unknown_event", where="events", fix=fix)
        weight = pl.col("event").replace_strict(weights, return_dtype=pl.Float32)
        return events.select("user_id", "item_id", weight=weight)

    def _refuse_unknown(self, items: Sequence[str]) -> None:
        rows = self.world.item_rows(items)
        if (rows < 0).any():
            name = items[int(np.flatnonzero(rows < 0)[0])]
            fix = "add it first with `with_items`"
            raise UsageError(f"the catalogue has no item {name!r}", code="unknown_item", fix=fix)


def _positive(k: int) -> int:
    if not isinstance(k, int) or k < 1:
        raise UsageError(f"k must be a whole number from 1, got {k!r}", code="bad_k", fix="ask for one or more")
    return k
