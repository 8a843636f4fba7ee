"""A dataset in memory: three tables and the schema that explains them."""

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from muslin.data.schema import Schema

KEYS: dict[str, tuple[str, ...]] = {
    "items": ("item_id", "family", "domain"),
    "users": ("user_id",),
    "events": ("user_id", "item_id", "timestamp", "event", "weight"),
}
"""Columns every checked table has."""


@dataclass(frozen=True)
class Dataset:
    """Checked tables (see `data.checks.clean`), and where they live.

    `items`: `item_id`, `family`, `domain` (String) and described columns; unique by `item_id`.
    `users`: `user_id` (String) and described columns; unique by `user_id`; holds every user of `events`.
    `events`: `user_id`, `item_id`, `timestamp` (Datetime[µs, UTC]), `event`, `weight` (Float32); sorted by time, ties
    in file order. Categorical and text columns are String, numeric are Float64, multi are List[String].
    """

    schema: Schema
    items: pl.DataFrame
    users: pl.DataFrame
    events: pl.DataFrame
    root: Path | None = None

    @classmethod
    def load(cls, path: str | Path, *, max_bad: float = 0.01) -> "Dataset":
        """Read and check a native dataset directory.

        Bad rows are left out and written to `quarantine.parquet` beside the tables; when they are more than the share
        `max_bad` of a table, `DataError` (`too_many_bad_rows`) is raised instead.
        """
        from muslin.data.sources.native import load

        return load(Path(path), max_bad=max_bad)

    def with_events(self, events: pl.DataFrame) -> "Dataset":
        """The same catalogue and shoppers with other events."""
        return replace(self, events=events)

    def domain(self, *names: str) -> "Dataset":
        """Only the items of the named domains, their events, and the shoppers who have one."""
        items = self.items.filter(pl.col("domain").is_in(names))
        events = self.events.join(items.select("item_id"), on="item_id", how="semi")
        users = self.users.join(events.select("user_id").unique(), on="user_id", how="semi")
        return replace(self, items=items, users=users, events=events)
