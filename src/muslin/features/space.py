"""From a dataset to what methods see: integer rows, feature matrices and histories, fitted on training rows only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.data.dataset import Dataset
from muslin.features import behaviour
from muslin.features.one_row import one_row
from muslin.features.table import FeatureTable, fit_table
from muslin.method import Evidence
from muslin.types import (
    Catalogue,
    Csr,
    Events,
    Features,
    Floats,
    Ints,
    Items,
    Shoppers,
    TrainData,
    Users,
    preference_matrix,
)


@dataclass(frozen=True)
class Space:
    """Fitted feature tables of both sides."""

    items: FeatureTable
    users: FeatureTable
    categories: tuple[tuple[str, ...], ...] = ()
    """Known category paths of each level, coarse to fine, sorted; a path's code is its place."""
    domains: tuple[str, ...] = ()
    """Domains of the garments it was fitted on, sorted; a domain's code is its place."""


@dataclass(frozen=True)
class World:
    """A dataset encoded: all items and all shoppers, hot rows first, each part in order of id.

    The rows of `dataset.items` and `dataset.users` are those of `catalogue` and `shoppers`.
    """

    dataset: Dataset
    space: Space
    catalogue: Catalogue
    shoppers: Shoppers
    data: TrainData
    popularity: Floats
    """[N] training shoppers per catalogue row; 0 for cold rows."""

    @cached_property
    def row_of_item(self) -> dict[str, int]:
        """Catalogue row by id."""
        return {name: row for row, name in enumerate(self.catalogue.ids)}

    @cached_property
    def family_codes(self) -> dict[str, int]:
        """Code of each family by name."""
        return dict(zip(self.dataset.items["family"].to_list(), self.catalogue.family.tolist(), strict=True))

    @cached_property
    def by_popularity(self) -> Ints:
        """[N] catalogue rows, the most popular first, equals in order of row."""
        return np.argsort(-self.popularity, kind="stable").astype(np.int64)

    @cached_property
    def _user_row(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.shoppers.ids)}

    @cached_property
    def _history(self) -> Csr:
        hot = self.data.matrix()
        return sp.csr_matrix((hot.data, hot.indices, hot.indptr), shape=(hot.shape[0], len(self.catalogue)))

    def item_rows(self, ids: Sequence[str]) -> Ints:
        """Catalogue row of each id, -1 where unknown."""
        return np.array([self.row_of_item.get(i, -1) for i in ids], dtype=np.int64)

    def user_rows(self, ids: Sequence[str]) -> Ints:
        """Shopper row of each id, -1 where unknown."""
        return np.array([self._user_row.get(i, -1) for i in ids], dtype=np.int64)

    def items(self, ids: Sequence[str] | None = None) -> Items:
        """Candidates: the items `ids`, all of which must be known, or the whole catalogue."""
        rows = np.arange(len(self.catalogue), dtype=np.int64) if ids is None else self.item_rows(ids)
        return Items(self.catalogue, rows)

    def users(
        self, ids: Sequence[str], support: pl.DataFrame | None = None, evidence: Collection[Evidence] = ()
    ) -> Users:
        """Shoppers `ids`, known or not, with their training events and those of `support`.

        `support` has `user_id`, `item_id`, `weight`; its unknown items and other shoppers' rows are left out. Behaviour
        profiles are made where `evidence` (a method's) holds "tastes".
        """
        rows = self.user_rows(ids)
        trained = np.where(rows < self.shoppers.n_hot, rows, -1)
        history = _take_rows(self._history, trained)
        if support is not None and len(support):
            history = history.maximum(self._revealed(ids, support)).tocsr()
        tastes = self.tastes(ids, support).matrix if "tastes" in evidence else None
        return Users(trained, _take_rows(self.shoppers.features.matrix, rows), history, tastes)

    def training(self, evidence: Collection[Evidence]) -> TrainData:
        """What a method that reads `evidence` may learn from: with behaviour profiles where it holds "tastes"."""
        if "tastes" not in evidence:
            return self.data
        return replace(self.data, tastes=self.tastes(self.shoppers.ids[: self.shoppers.n_hot].tolist()))

    def tastes(self, ids: Sequence[str], support: pl.DataFrame | None = None) -> Features:
        """Behaviour profiles of shoppers `ids`, known or not: see `features.behaviour.tastes`.

        From their training events and those of `support` (`user_id`, `item_id`, `weight`, optionally `timestamp`; one
        without a time is as new as the shopper's newest in training). Text, hashed and embedding columns are left out:
        a taste is a share of things that can be named.
        """
        place = {name: row for row, name in enumerate(dict.fromkeys(ids))}
        known = _eventful(self.dataset.events)
        if support is not None:
            known = pl.concat([known, _eventful(_dated(support, known))])
        known = known.filter(pl.col("user_id").is_in(list(place)) & (pl.col("weight") > 0))
        rows = self.item_rows(known["item_id"].to_list())
        known, rows = known.filter(pl.Series(rows >= 0)), rows[rows >= 0]
        events = Events(
            np.array([place[u] for u in known["user_id"]], dtype=np.int64),
            rows,
            known["weight"].to_numpy().astype(np.float32),
            known["timestamp"].dt.epoch("us").to_numpy(),
        )
        found = behaviour.tastes(events, len(place), self._garments, self.catalogue.domains)
        return found.take(np.array([place[name] for name in ids], dtype=np.int64))

    @cached_property
    def _garments(self) -> behaviour.Garments:
        named = [column.name for column in self.space.items.columns if column.kind not in ("text", "hashed")]
        return behaviour.Garments(self.catalogue.features.only(named), self.catalogue.domain)

    def _revealed(self, ids: Sequence[str], support: pl.DataFrame) -> Csr:
        place = {name: row for row, name in enumerate(dict.fromkeys(ids))}
        user = np.array([place.get(u, -1) for u in support["user_id"]], dtype=np.int64)
        item = self.item_rows(support["item_id"].to_list())
        keep = (user >= 0) & (item >= 0) & (support["weight"].to_numpy() > 0)
        weight = support["weight"].to_numpy().astype(np.float32)[keep]
        events = Events(user[keep], item[keep], weight, np.zeros(keep.sum(), dtype=np.int64))
        revealed = preference_matrix(events, len(place), len(self.catalogue))
        return revealed[[place[name] for name in ids]]


def encode(dataset: Dataset, space: Space | None = None, *, in_order: bool = False) -> World:
    """World of `dataset`; `space` is fitted on its hot rows unless given.

    `in_order`: cold rows stay in the order of the tables, as those of a world that grew do, and not in order of id.
    """
    liked = dataset.events.filter(pl.col("weight") > 0)
    items, n_hot_items = _hot_first(dataset.items, liked, "item_id", in_order=in_order)
    users, n_hot_users = _hot_first(dataset.users, liked, "user_id", in_order=in_order)
    roles = dataset.schema
    if space is None:
        hot, levels = items[:n_hot_items], roles.items.category
        known = tuple(tuple(p.drop_nulls().unique().sort().to_list()) for p in _category_paths(hot, levels))
        domains = tuple(hot["domain"].unique().sort().to_list())
        space = Space(fit_table(hot, roles.items), fit_table(users[:n_hot_users], roles.users), known, domains)
    catalogue = Catalogue(
        ids=items["item_id"].to_numpy().astype(object),
        features=space.items.transform(items),
        family=items["family"].rank("dense").cast(pl.Int64).to_numpy() - 1,
        category=category_codes(items, roles.items.category, space.categories),
        domain=domain_codes(items["domain"], space),
        domains=space.domains,
        n_hot=n_hot_items,
    )
    shoppers = Shoppers(users["user_id"].to_numpy().astype(object), space.users.transform(users), n_hot_users)
    data = TrainData(hot_items(catalogue), hot_shoppers(shoppers), _events(liked, catalogue, shoppers))
    data = replace(data, exposed=_exposed(dataset.events.filter(pl.col("weight") == 0), data))
    popularity = np.zeros(len(catalogue), dtype=np.float32)
    popularity[:n_hot_items] = np.asarray(data.matrix().getnnz(axis=0), dtype=np.float32)
    ordered = replace(dataset, items=items, users=users)
    return World(ordered, space, catalogue, shoppers, data, popularity)


def hot_items(catalogue: Catalogue) -> Catalogue:
    """Only the rows with training events."""
    n = catalogue.n_hot
    return replace(
        catalogue,
        ids=catalogue.ids[:n],
        features=catalogue.features.take(slice(n)),
        family=catalogue.family[:n],
        category=catalogue.category[:n],
        domain=catalogue.domain[:n],
    )


def hot_shoppers(shoppers: Shoppers) -> Shoppers:
    """Only the rows with training events."""
    n = shoppers.n_hot
    return Shoppers(shoppers.ids[:n], shoppers.features.take(slice(n)), n)


def _dated(support: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`support` with a time in every row: the shopper's newest in `known`; of a stranger any, for all are alike."""
    support = support.with_columns(pl.col("weight").cast(pl.Float32))
    if "timestamp" in support.columns:
        return support
    newest = known.group_by("user_id").agg(pl.col("timestamp").max())
    dated = support.join(newest, on="user_id", how="left", maintain_order="left")
    return dated.with_columns(pl.col("timestamp").fill_null(pl.lit(0).cast(_TIME)))


def _eventful(events: pl.DataFrame) -> pl.DataFrame:
    return events.select("user_id", "item_id", pl.col("timestamp").cast(_TIME), "weight")


_TIME = pl.Datetime("us", "UTC")


def _hot_first(frame: pl.DataFrame, events: pl.DataFrame, key: str, *, in_order: bool) -> tuple[pl.DataFrame, int]:
    hot = pl.col(key).is_in(events[key].unique().implode())
    ordered = frame.with_columns(_cold=~hot).sort("_cold", *(() if in_order else (key,)), maintain_order=True)
    return ordered.drop("_cold"), int((~ordered["_cold"]).sum())


def _category_paths(items: pl.DataFrame, levels: tuple[str, ...]) -> list[pl.Series]:
    """Each level as text that holds its parent levels too; null where any of them is missing."""
    return [
        items.select(pl.concat_str(levels[:depth], separator="\x1f").alias("path"))["path"]
        for depth in range(1, len(levels) + 1)
    ]


def category_codes(items: pl.DataFrame, levels: tuple[str, ...], known: tuple[tuple[str, ...], ...]) -> Ints:
    """[N, L] codes of each level; -1 where the path is missing or was not there in training."""
    codes = [_codes(path, names) for path, names in zip(_category_paths(items, levels), known, strict=True)]
    return np.stack(codes, axis=1) if codes else np.empty((len(items), 0), dtype=np.int64)


def domain_codes(domain: pl.Series, space: Space) -> Ints:
    """[N] codes of `domain`; -1 where it was not there in training."""
    return _codes(domain, space.domains)


def _codes(values: pl.Series, known: Sequence[str]) -> Ints:
    """Place of each value in `known`, -1 where it is missing or unknown."""
    if not known:
        return np.full(len(values), -1, dtype=np.int64)
    codes = values.replace_strict(list(known), list(range(len(known))), default=-1, return_dtype=pl.Int64)
    return codes.fill_null(-1).to_numpy()


def _events(liked: pl.DataFrame, catalogue: Catalogue, shoppers: Shoppers) -> Events:
    def rows(key: str, ids: np.ndarray) -> Ints:
        table = pl.DataFrame({key: pl.Series(ids.tolist(), dtype=pl.String), "row": np.arange(len(ids))})
        joined = liked.select(key).join(table, on=key, how="left", maintain_order="left")
        return joined["row"].to_numpy().astype(np.int64)

    return Events(
        user=rows("user_id", shoppers.ids),
        item=rows("item_id", catalogue.ids),
        weight=liked["weight"].to_numpy().astype(np.float32),
        time=liked["timestamp"].dt.epoch("us").to_numpy().astype(np.int64),
    )


def _exposed(shown: pl.DataFrame, data: TrainData) -> Csr | None:
    """[M, N] 1 where a trained shopper was shown a trained garment without an event that counts; None where nobody."""
    item = pl.col("item_id").is_in(pl.Series(data.catalogue.ids.tolist(), dtype=pl.String).implode())
    user = pl.col("user_id").is_in(pl.Series(data.shoppers.ids.tolist(), dtype=pl.String).implode())
    shown = shown.filter(item & user)
    if shown.is_empty():
        return None
    events = replace(_events(shown, data.catalogue, data.shoppers), weight=np.ones(len(shown), dtype=np.float32))
    return preference_matrix(events, len(data.shoppers), len(data.catalogue))


def _take_rows(matrix: Csr, rows: Ints) -> Csr:
    """Rows of `matrix`, empty where `rows` is -1."""
    if len(rows) == 1:
        return one_row(matrix, int(rows[0]))
    if not matrix.shape[0]:
        return sp.csr_matrix((len(rows), matrix.shape[1]), dtype=np.float32)
    first = matrix.indptr[np.maximum(rows, 0)].astype(np.int64)
    counts = np.where(rows >= 0, matrix.indptr[np.maximum(rows, 0) + 1] - first, 0)
    starts = np.concatenate([[0], np.cumsum(counts)])
    cells = np.repeat(first - starts[:-1], counts) + np.arange(starts[-1])
    out = sp.csr_matrix((matrix.data[cells], matrix.indices[cells], starts), shape=(len(rows), matrix.shape[1]))
    out.eliminate_zeros()
    return out
