"""The part of a dataset that a picture encoder can learn from: garments with a usable picture and an event."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.decode import VERSION
from muslin.data.pictures import of_items
from muslin.data.schema import ItemRoles, Roles
from muslin.errors import DataError
from muslin.features.cache import embed_pictures
from muslin.features.embed import CACHE, pictures_of
from muslin.features.encoders.efficientnet_lite0 import EfficientNetLite0
from muslin.nets.picture_tuning import Pictures


@dataclass(frozen=True, eq=False)
class Pictured:
    """`dataset` holds the garments that have both, their events, those shoppers, and no column but the category.

    `pictures`: their vectors by the frozen backbone, in the order of `ids`, of whom some may have no usable picture
    and are not in the dataset. `source`: where the pictures are. `digest` names them all and the backbone.
    """

    dataset: Dataset
    pictures: Pictures
    ids: tuple[str, ...]
    source: Path
    digest: str


def pictured(dataset: Dataset, backbone: EfficientNetLite0, cache: Path | None) -> Pictured:
    """That part of `dataset`, its pictures embedded (`cache`: directory of vectors, by default the dataset's own).

    Raises `DataError`: `no_events`, `no_pictures`.
    """
    source = pictures_of(dataset)
    liked = dataset.events.filter(pl.col("weight") > 0)
    if liked.is_empty():
        fix = "check the event types and their weights in dataset.toml"
        raise DataError("the dataset has no events that show a liking", code="no_events", fix=fix)
    ids, contents = of_items(source, liked["item_id"].unique().sort())
    digest = hashlib.sha256(f"{backbone.version} {VERSION}\n".encode())
    place = cache if cache is not None or dataset.root is None else dataset.root / CACHE
    found = embed_pictures(backbone, _told(digest, ids, contents), total=len(ids), cache=place)
    row = {name: place for place, (name, usable) in enumerate(zip(ids, found.present, strict=True)) if usable}
    if not row:
        fix = "check that the pictures are named after item ids"
        raise DataError("no garment with an event has a usable picture", code="no_pictures", where=str(source), fix=fix)
    return Pictured(
        _part(dataset, row.keys()), Pictures(found.vectors, row), tuple(ids), source, digest.hexdigest()[:16]
    )


def contents(seen: Pictured) -> Iterator[bytes]:
    """The picture files of `seen.ids`, in that order, read as they are asked for."""
    return of_items(seen.source, pl.Series("item_id", seen.ids, dtype=pl.String))[1]


def _told(digest: "hashlib._Hash", ids: Iterable[str], files: Iterable[bytes]) -> Iterator[bytes]:
    for name, content in zip(ids, files, strict=True):
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        yield content


def _part(dataset: Dataset, ids: Collection[str]) -> Dataset:
    items = dataset.items.filter(pl.col("item_id").is_in(list(ids)))
    events = dataset.events.join(items.select("item_id"), on="item_id", how="semi", maintain_order="left")
    users = dataset.users.join(events.select("user_id").unique(), on="user_id", how="semi", maintain_order="left")
    schema = replace(dataset.schema, items=ItemRoles(category=dataset.schema.items.category), users=Roles())
    return replace(dataset, schema=schema, items=items, users=users, events=events)
