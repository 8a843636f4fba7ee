"""`boutique`: the planted world that ships. Thousands of drawn garments, shoppers with latent taste, and the truth.

Two domains, rich `accessories` and poor `apparel`, share as much taste as the dial `shared_taste` says. Columns,
titles and pictures each tell part of what a garment is like; a residual is told by nothing. Because the world is
planted, the best possible ranking is known (`Truth`), and every method can be placed between chance and it.
"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.schema import DEFAULT_WEIGHTS, Domain, ItemRoles, Roles, Schema, write_schema
from muslin.data.sources.boutique import catalogue, draw, events, world
from muslin.data.sources.boutique.config import BoutiqueConfig
from muslin.data.sources.boutique.truth import Truth, load_truth, save_truth
from muslin.data.sources.boutique.words import DEPARTMENTS, EVENTS
from muslin.data.staging import staged
from muslin.data.store import DATASET, seal

__all__ = ["BoutiqueConfig", "Truth", "load_truth", "make"]

_IMAGES = "images.parquet"
_CATEGORY = ("department", "category", "type")
_ATTRIBUTES = ("colour", "pattern", "silhouette", "material", "season", "brand")


def make(destination: Path, config: BoutiqueConfig, *, seed: int, overwrite: bool = False) -> Dataset:
    """Make the world of `config` and `seed`, write it to `destination` as a native dataset, and return it.

    The directory appears complete or not at all. Beside the tables and `dataset.toml` it holds `truth.safetensors`
    and, unless `config.pictures` is off, `images.parquet` (64 x 96 PNG). Same config and seed: same content, to the
    bit. Raises `UsageError` (`destination_exists`, `not_a_dataset`) when `destination` is not empty and `overwrite`
    is off, or is anything else than a dataset.
    """
    with staged(Path(destination), DATASET, overwrite=overwrite) as root:
        dataset = _write(root, config, seed)
        seal(root)
    return replace(dataset, root=Path(destination))


def _write(root: Path, config: BoutiqueConfig, seed: int) -> Dataset:
    garments = catalogue.garments(config, seed)
    people, latent = world.shoppers(config, seed), world.world(config, garments, seed)
    log = events.draw(config, garments, people, latent, seed)
    ids = pl.Series("user_id", [f"U{n:07d}" for n in range(config.n_users)], dtype=pl.String)
    dataset = Dataset(
        schema=_schema(config),
        items=catalogue.table(garments, seed),
        users=world.profiles(config, people, latent, ids, seed),
        events=_event_table(log, ids, garments),
        root=root,
    )
    write_schema(dataset.schema, root / "dataset.toml")
    dataset.items.write_parquet(root / "items.parquet")
    dataset.users.write_parquet(root / "users.parquet")
    dataset.events.write_parquet(root / "events.parquet")
    save_truth(_truth(garments, people, latent, log, ids), config, seed, root)
    if config.pictures:
        shots = pl.Series("bytes", list(draw.pictures(garments, seed)), dtype=pl.Binary)
        pl.DataFrame([dataset.items["item_id"], shots]).write_parquet(root / _IMAGES)
    return dataset


def _schema(config: BoutiqueConfig) -> Schema:
    return Schema(
        name="boutique",
        items=ItemRoles(
            categorical=(*_CATEGORY, *_ATTRIBUTES),
            numeric=("price",),
            text=("title", "title_zh"),
            category=_CATEGORY,
            title="title",
            price="price",
        ),
        users=Roles(categorical=("segment", "city", "club"), numeric=("age",)),
        weights={name: DEFAULT_WEIGHTS[name] for name in EVENTS},
        domains={name: Domain(column="department", values=(name,)) for name in DEPARTMENTS},
        images=_IMAGES if config.pictures else None,
    )


def _event_table(log: events.Log, ids: pl.Series, garments: catalogue.Garments) -> pl.DataFrame:
    weights = pl.Series([DEFAULT_WEIGHTS[name] for name in EVENTS], dtype=pl.Float32)
    return pl.DataFrame(
        {
            "user_id": ids.gather(log.user),
            "item_id": pl.Series(garments.ids, dtype=pl.String).gather(log.item),
            "timestamp": pl.Series(log.time).cast(pl.Datetime("us", "UTC")),
            "event": pl.Series(EVENTS).gather(log.stage),
            "weight": weights.gather(log.stage),
        }
    )


def _truth(
    garments: catalogue.Garments, people: world.Shoppers, latent: world.World, log: events.Log, ids: pl.Series
) -> Truth:
    return Truth(
        user_ids=ids.to_list(),
        item_ids=garments.ids,
        taste=people.taste,
        vectors=latent.vectors,
        base=latent.base,
        domain=garments.domain,
        totals=log.totals,
        shares=people.shares,
        arrival=garments.designs.arrival[garments.design],
    )
