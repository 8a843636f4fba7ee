"""Writes what a peer may see of one exam, and never what it is asked.

The writer is handed a world (training events, features) and questions without their truth (`Asked`): what it does not
get it cannot leak. Everything is rows, numbers and words, in Parquet, npy and npz without pickle; `docs/peers.md` lists
the files.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.features.space import World
from muslin.features.table import FeatureTable
from muslin.peers.adapters.exam import FORMAT
from muslin.types import Catalogue, Events, Features, Items, preference_matrix


class Asked(Protocol):
    """The part of a question that is no secret: shoppers, what is revealed, candidates."""

    @property
    def users(self) -> Sequence[str]:
        """[U] ids."""
        ...

    @property
    def support(self) -> pl.DataFrame | None:
        """Events revealed of the shoppers at scoring time: `user_id`, `item_id`, `weight`."""
        ...

    @property
    def revealed(self) -> pl.DataFrame | None:
        """Events revealed of new garments with known shoppers, with a `timestamp` or without."""
        ...

    @property
    def items(self) -> Items:
        """I candidates."""
        ...


def write(
    world: World,
    asks: Sequence[Asked],
    folder: Path,
    *,
    seed: int,
    threads: int,
    revealed: pl.DataFrame | None = None,
) -> None:
    """Write the exam to `folder`, which is made.

    `revealed`: events (`user_id`, `item_id`, `weight`, optionally `timestamp`) of garments that were not trained on;
    they join the training events, for a peer learns of new events by being trained again. Unknown shoppers and items in
    it are left out. All `asks` must have the same. `seed` and `threads` are what the peer is to use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    extra = _events(world, revealed)
    _train(world.data.events, extra).write_parquet(folder / "train.parquet")
    _items(world).write_parquet(folder / "items.parquet")
    pl.DataFrame({"user_id": pl.Series(world.shoppers.ids.tolist(), dtype=pl.String)}).write_parquet(
        folder / "users.parquet"
    )
    space = world.space
    about = {
        "items": _side(folder, "items", world.catalogue.features, space.items),
        "users": _side(folder, "users", world.shoppers.features, space.users),
    }
    for n, ask in enumerate(asks):
        _ask(world, ask, folder / f"ask_{n}", extra)
    about_all = {"format": FORMAT, "seed": seed, "threads": threads, "asks": len(asks), **about}
    (folder / "exam.json").write_text(json.dumps(about_all), encoding="utf-8")


def _train(own: Events, extra: Events) -> pl.DataFrame:
    columns = ("user", "item", "weight", "time")
    return pl.DataFrame({name: np.concatenate([getattr(own, name), getattr(extra, name)]) for name in columns})


def _events(world: World, revealed: pl.DataFrame | None) -> Events:
    """`revealed` as rows, without what is unknown or says nothing of taste."""
    if revealed is None:
        none = np.empty(0, dtype=np.int64)
        return Events(none, none, np.empty(0, dtype=np.float32), none)
    user = world.user_rows(revealed["user_id"].to_list())
    item = world.item_rows(revealed["item_id"].to_list())
    kept = (user >= 0) & (item >= 0) & (revealed["weight"].to_numpy() > 0)
    if "timestamp" in revealed.columns:
        time = revealed["timestamp"].dt.epoch("us").to_numpy().astype(np.int64)
    else:  # as new as the newest known
        time = np.full(len(revealed), world.data.events.time.max(initial=0), dtype=np.int64)
    return Events(user[kept], item[kept], revealed["weight"].to_numpy().astype(np.float32)[kept], time[kept])


def _items(world: World) -> pl.DataFrame:
    catalogue: Catalogue = world.catalogue
    roles, table = world.dataset.schema.items, world.dataset.items
    named = dict.fromkeys([*([roles.title] if roles.title else []), *roles.text])
    words = [pl.col(name).cast(pl.String) for name in named if name in table.columns]
    text = table.select(pl.concat_str(words, separator="\n", ignore_nulls=True).alias("t"))["t"] if words else None
    return pl.DataFrame(
        {
            "item_id": pl.Series(catalogue.ids.tolist(), dtype=pl.String),
            "family": catalogue.family,
            "text": text if text is not None else pl.Series([""] * len(catalogue), dtype=pl.String),
        }
    ).with_columns(pl.col("text").fill_null(""))


def _side(folder: Path, name: str, features: Features, table: FeatureTable) -> dict[str, object]:
    """Write the features of one side; returns what `exam.json` says of them."""
    sp.save_npz(folder / f"{name}_features.npz", features.matrix, compressed=False)
    for n, dense in enumerate(features.dense):
        np.save(folder / f"{name}_dense_{n}.npy", dense.vectors)
    kinds = {column.name: column.kind for column in table.columns}
    blocks = [(b.name, kinds.get(b.name, "numeric"), b.start, b.stop) for b in features.blocks]
    return {"blocks": blocks, "dense": [d.name for d in features.dense]}


def _ask(world: World, ask: Asked, folder: Path, extra: Events) -> None:
    folder.mkdir(exist_ok=True)
    users = world.users(ask.users, ask.support)
    rows = world.user_rows(ask.users)
    history = users.history
    if len(extra):
        added = preference_matrix(extra, len(world.shoppers), len(world.catalogue))
        known = sp.diags_array((rows >= 0).astype(np.float32)) @ added[np.maximum(rows, 0)]
        history = history.maximum(known)
    np.save(folder / "users.npy", users.rows)
    np.save(folder / "items.npy", ask.items.rows)
    sp.save_npz(folder / "features.npz", sp.csr_matrix(users.features), compressed=False)
    sp.save_npz(folder / "history.npz", sp.csr_matrix(history), compressed=False)
