"""Vectors of texts and pictures, each made once: kept on disk by what was encoded and by whom.

A vector's key is the sha256 of the content (the bytes of a picture file, the words of a title) in a directory of its
own for each encoder, version and way of decoding. So a garment that is renamed, moved to another dataset or imported
again costs nothing, and one hundred new garments cost one hundred. Pictures are read one at a time and decoded only
where there is no vector; what cannot be decoded is remembered too, with the reason.

What a run has finished stays: stopped at any moment, the next goes on from there and loses one batch at most. Deleting
the directory is always safe. Nothing is ever thrown out of it.

Memory beside the matrix that is returned: a batch of contents, a few MB, and some 300 bytes for each distinct content.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from muslin.data import decode
from muslin.data.decode import Pixels, Refused
from muslin.errors import DataError, ModelError
from muslin.features.encoder import ImageEncoder, TextEncoder
from muslin.features.shards import Packed, Shelf, pack, unpack
from muslin.progress import track
from muslin.types import Bools, Floats

T = TypeVar("T")

_MERGE_EVERY = 32


@dataclass(frozen=True)
class Embedder(Generic[T]):
    """How contents become vectors of `width` numbers.

    `prepare` makes of a content what the encoder reads, or says why it cannot; `encode` takes a batch of those.
    `version` changes whenever either gives something else.
    """

    name: str
    version: str
    width: int
    prepare: Callable[[bytes], T | Refused]
    encode: Callable[[Sequence[T]], Floats]


@dataclass(frozen=True)
class Embedded:
    """`vectors` [n, width], the same whether new or from the cache; zero where `refused` says why there is none.

    `fresh`: distinct contents that were prepared now. `damaged`: files of the cache that were found damaged and thrown
    away.
    """

    vectors: Floats
    refused: dict[int, Refused]
    fresh: int
    damaged: int

    @property
    def present(self) -> Bools:
        """[n] whether there is a vector."""
        out = np.ones(len(self.vectors), dtype=bool)
        out[list(self.refused)] = False
        return out


def embed_texts(encoder: TextEncoder, texts: Sequence[str], *, cache: Path | None, label: str = "texts") -> Embedded:
    """Vectors of `texts` [n]; a text of white space is refused (`empty_text`). Raises as `embed` does."""
    embedder = Embedder(encoder.name, encoder.version, encoder.width, _text, encoder.encode)
    contents = (text.encode("utf-8", "replace") for text in texts)
    return embed(embedder, contents, total=len(texts), cache=cache, label=label)


def picture_version(encoder: ImageEncoder) -> str:
    """All that the vector of a picture depends on beside its bytes."""
    return f"{encoder.version}, {encoder.size} pixels, decoder {decode.VERSION}"


def embed_pictures(
    encoder: ImageEncoder, files: Iterable[bytes], *, total: int, cache: Path | None, label: str = "pictures"
) -> Embedded:
    """Vectors of `total` picture `files`, which are read once, in order; refused as `decode.decode` says.

    Raises as `embed` does.
    """

    def pixels(content: bytes) -> Pixels | Refused:
        return decode.decode(content, encoder.size)

    def encode(pictures: Sequence[Pixels]) -> Floats:
        return encoder.encode(np.stack(pictures))

    embedder = Embedder(encoder.name, picture_version(encoder), encoder.width, pixels, encode)
    return embed(embedder, files, total=total, cache=cache, label=label)


def embed(
    embedder: Embedder[T],
    contents: Iterable[bytes],
    *,
    total: int,
    cache: Path | None,
    batch: int = 64,
    label: str = "embedding",
) -> Embedded:
    """Vectors of `total` `contents`, each distinct one prepared and encoded at most once, `batch` at a time.

    `cache`: directory shared by all encoders; None keeps nothing. Any number of processes may use one at once.

    Raises ValueError when there are not `total` contents, `DataError` (`cannot_write`, `cache_changed` when its files
    are deleted meanwhile), `ModelError` (`bad_encoder`)
    when the encoder does not keep its promises, and whatever `prepare` and `encode` raise.
    """
    shelf = _shelf(cache, embedder) if cache else None
    known, refused, damaged = _index(shelf)
    rows, vectors = _Rows(total), np.zeros((total, embedder.width), dtype=np.float32)
    fresh = 0
    for n, wanted in enumerate(_unknown(track(contents, label, total), rows, known, batch), start=1):
        done = _encoded(embedder, wanted)
        vectors[[rows.first[key] for key in done.keys]] = unpack(done.packed)
        refused |= done.refused
        fresh += len(wanted)
        if shelf:
            shelf.add(*done)
            if n % _MERGE_EVERY == 0:
                shelf.merge()
    if len(rows.owner) != total:
        raise ValueError(f"{len(rows.owner)} contents instead of {total}")
    if shelf:
        _fill(vectors, rows, shelf, (known & rows.first.keys()) - refused.keys())
        if fresh:
            shelf.merge()
    return Embedded(vectors, rows.spread(vectors, refused), fresh, damaged)


@dataclass
class _Rows:
    """Where contents stand: `owner` [n] is the first row that has the same content as row n."""

    total: int
    first: dict[bytes, int] = field(default_factory=dict)
    owner: list[int] = field(default_factory=list)

    def place(self, key: bytes) -> bool:
        """Place the next content; whether it is the first of its kind."""
        row = len(self.owner)
        if row == self.total:
            raise ValueError(f"more than {self.total} contents")
        self.owner.append(self.first.setdefault(key, row))
        return self.owner[row] == row

    def spread(self, vectors: Floats, refused: dict[bytes, Refused]) -> dict[int, Refused]:
        """Copy the vectors of first rows to their likes, and tell which rows are refused."""
        owner = np.asarray(self.owner, dtype=np.intp)
        again = np.flatnonzero(owner != np.arange(len(owner)))
        vectors[again] = vectors[owner[again]]
        why = {self.first[key]: reason for key, reason in refused.items() if key in self.first}
        bad = np.flatnonzero(np.isin(owner, list(why)))
        return {int(row): why[int(owner[row])] for row in bad}


class _Done(NamedTuple):
    keys: list[bytes]
    packed: Packed
    refused: dict[bytes, Refused]


def _unknown(
    contents: Iterable[bytes], rows: "_Rows", known: set[bytes], size: int
) -> Iterator[list[tuple[bytes, bytes]]]:
    """Batches of (key, content) that are neither in the cache nor seen before; every content is placed in `rows`."""
    wanted: list[tuple[bytes, bytes]] = []
    for content in contents:
        key = hashlib.sha256(content).digest()
        if rows.place(key) and key not in known:
            wanted.append((key, content))
        if len(wanted) == size:
            yield wanted
            wanted = []
    if wanted:
        yield wanted


def _encoded(embedder: Embedder[T], wanted: Sequence[tuple[bytes, bytes]]) -> _Done:
    keys: list[bytes] = []
    items: list[T] = []
    refused: dict[bytes, Refused] = {}
    for key, content in wanted:
        item = embedder.prepare(content)
        if isinstance(item, Refused):
            refused[key] = item
        else:
            keys.append(key)
            items.append(item)
    vectors = embedder.encode(items) if items else np.zeros((0, embedder.width), dtype=np.float32)
    if vectors.shape != (len(items), embedder.width) or vectors.dtype != np.float32:
        message = f"{embedder.name} gave {vectors.dtype} {vectors.shape} for {len(items)} of width {embedder.width}"
        raise ModelError(message, code="bad_encoder", where=embedder.name, fix="choose another encoder")
    finite = np.isfinite(vectors).all(axis=1)
    refused |= {
        keys[row]: Refused("non_finite", "the encoder makes no numbers of it") for row in np.flatnonzero(~finite)
    }
    return _Done([keys[row] for row in np.flatnonzero(finite)], pack(vectors[finite]), refused)


def _index(shelf: Shelf | None) -> tuple[set[bytes], dict[bytes, Refused], int]:
    """(keys that `shelf` knows, those of them that were refused, number of damaged shards)."""
    known: set[bytes] = set()
    refused: dict[bytes, Refused] = {}
    damaged = 0
    for shard in shelf.read() if shelf else ():
        if shard is None:
            damaged += 1
        else:
            known.update(shard.keys, shard.refused)
            refused |= shard.refused
    return known, refused, damaged


def _fill(vectors: Floats, rows: _Rows, shelf: Shelf, left: set[bytes]) -> None:
    """Set the `vectors` of the keys `left`, which `shelf` held when the run began."""
    for shard in shelf.read() if left else ():
        if shard is None:
            continue
        here = np.array([key in left for key in shard.keys], dtype=bool)
        if here.any():
            at = [rows.first[key] for key in shard.keys if key in left]
            vectors[at] = unpack(Packed(shard.packed.half[here], shard.packed.scale[here]))
            left.difference_update(shard.keys)
    if left:
        message = f"{len(left):,} vectors went from the cache while it was being read"
        raise DataError(message, code="cache_changed", where=str(shelf.folder), fix="run it again")


def _shelf(cache: Path, embedder: Embedder[T]) -> Shelf:
    """Where this encoder's vectors are: a readable name, and a digest of all that they depend on."""
    identity = "\0".join([embedder.name, embedder.version, str(embedder.width)])
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", embedder.name).strip("-.")[:40]
    return Shelf(cache / f"{readable}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}", embedder.width)


def _text(content: bytes) -> str | Refused:
    text = content.decode("utf-8")
    return text if text.strip() else Refused("empty_text", "there is no word in it")
