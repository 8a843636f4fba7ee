"""The part of a dataset that a picture encoder can learn from: garments with a usable picture and an event."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from muslin.data.dataset import Dataset
from muslin.data.decode import VERSION
from muslin.data.pictures import by_name
from muslin.data.schema import ItemRoles, Roles
from muslin.errors import DataError
from muslin.features.cache import embed_pictures
from muslin.features.embed import CACHE
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
    if dataset.root is None or dataset.schema.images is None:
        fix = "name them in dataset.toml (images = ...)"
        raise DataError("the dataset has no pictures", code="no_pictures", where=dataset.schema.name, fix=fix)
    liked = dataset.events.filter(pl.col("weight") > 0)
    if liked.is_empty():
        fix = "check the event types and their weights in dataset.toml"
        raise DataError("the dataset has no events that show a liking", code="no_events", fix=fix)
    source = dataset.root / dataset.schema.images
    ids = _ids(source, set(liked["item_id"].unique()))
    digest = hashlib.sha256(f"{backbone.version} {VERSION}\n".encode())
    files = _told(digest, ids, source)
    found = embed_pictures(backbone, files, total=len(ids), cache=cache or dataset.root / CACHE)
    row = {name: place for place, (name, usable) in enumerate(zip(ids, found.present, strict=True)) if usable}
    if not row:
        fix = "check that the pictures are named after item ids"
        raise DataError("no garment with an event has a usable picture", code="no_pictures", where=str(source), fix=fix)
    return Pictured(_part(dataset, row.keys()), Pictures(found.vectors, row), ids, source, digest.hexdigest()[:16])


def contents(seen: Pictured) -> Iterator[bytes]:
    """The picture files of `seen.ids`, in that order, read as they are asked for."""
    return _contents(seen.source, seen.ids)


def _ids(source: Path, wanted: set[str]) -> tuple[str, ...]:
    if source.is_dir():
        place = by_name(source)
        return tuple(name for name in sorted(wanted) if place(name) is not None)
    held = pl.read_parquet(source, columns=["item_id"])["item_id"].unique(maintain_order=True)
    return tuple(name for name in held if name in wanted)


def _contents(source: Path, ids: tuple[str, ...]) -> Iterator[bytes]:
    if source.is_dir():
        place = by_name(source)
        paths = (place(name) for name in ids)
        yield from (path.read_bytes() for path in paths if path is not None)
        return
    left = set(ids)
    for batch in pq.ParquetFile(source).iter_batches(batch_size=256, columns=["item_id", "bytes"]):
        for name, content in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if name in left:
                left.remove(name)
                yield content or b""


def _told(digest: "hashlib._Hash", ids: tuple[str, ...], source: Path) -> Iterator[bytes]:
    for name, content in zip(ids, _contents(source, ids), strict=True):
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        yield content


def _part(dataset: Dataset, ids: Collection[str]) -> Dataset:
    items = dataset.items.filter(pl.col("item_id").is_in(list(ids)))
    events = dataset.events.join(items.select("item_id"), on="item_id", how="semi", maintain_order="left")
    users = dataset.users.join(events.select("user_id").unique(), on="user_id", how="semi", maintain_order="left")
    schema = replace(dataset.schema, items=ItemRoles(category=dataset.schema.items.category), users=Roles())
    return replace(dataset, schema=schema, items=items, users=users, events=events)
