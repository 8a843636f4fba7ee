"""Pictures that are the same or nearly: one garment listed twice, or one photograph used for two products.

Two pictures are near-duplicates when their difference hashes differ in at most `MOST_BITS` of 64 bits and their small
colour pictures (16 x 16) hardly differ. A group is what near-duplicates connect.

Source: difference hash (dHash), N. Krawetz, "Kind of Like That", The Hacker Factor Blog, 21 January 2013.
Differs: a step of brightness counts above one level, since flat grounds are noise; the colours are compared besides.
On the 12,044 pictures of the H&M week the hash alone finds 574,000 pairs across families, nearly all of them different
trousers, since shops photograph alike; comparing colours leaves 30. The price is that pictures cropped by more than
about half a percent a side are not found.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse.csgraph import connected_components

from muslin.data.decode import Pixels, Refused, decode
from muslin.progress import track
from muslin.types import Floats, Ints

MOST_BITS = 4
"""Bits of the hash in which near-duplicates may differ."""
MOST_APART = 0.05
"""Root mean square difference of their colours, over their contrast and `_FLOOR` levels."""
_FLOOR = 40.0
_SIDE = 72
_GRID, _COARSE = 16, 4
_BLOCK, _WINDOW, _VERIFIED = 256, 16_384, 8192
_MOST_LINKS = 1_000_000

Hashes: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True)
class Prints:
    """Fingerprints of n pictures.

    `ids` [n]; `file` [n]: equal numbers are equal files (SHA-256); `hashes` [n]; `colours` [n, 768] uint8. `refused`:
    pictures that show nothing, by code.
    """

    ids: list[str]
    file: Ints
    hashes: Hashes
    colours: Pixels
    refused: dict[str, int]


class _Print(NamedTuple):
    digest: bytes
    hash: int
    colours: Pixels


def fingerprints(batches: Iterable[pl.DataFrame]) -> Prints:
    """Fingerprint of each picture in `batches` (`item_id`, `bytes`), the first of each item; 1 kB each is kept."""
    found: dict[str, int] = {}
    files: dict[bytes, int] = {}
    hashes: list[int] = []
    colours: list[Pixels] = []
    refused: dict[str, int] = {}
    with ThreadPoolExecutor(4, thread_name_prefix="fingerprints") as pool:
        for batch in batches:
            made = pool.map(_print, (content or b"" for content in batch["bytes"]))
            for name, one in zip(batch["item_id"], made, strict=True):
                if isinstance(one, Refused):
                    refused[one.code] = refused.get(one.code, 0) + 1
                elif name not in found:
                    found[name] = files.setdefault(one.digest, len(files))
                    hashes.append(one.hash)
                    colours.append(one.colours)
    return Prints(
        list(found),
        np.array(list(found.values()), dtype=np.int64),
        np.array(hashes, dtype=np.uint64),
        np.array(colours, dtype=np.uint8).reshape(len(found), _GRID, _GRID, 3),
        refused,
    )


def near_pairs(hashes: Hashes, colours: Pixels) -> Iterator[Ints]:
    """Rows [P, 2], the smaller first, of all near-duplicate pairs of n pictures, a few at a time and in any order.

    Hashes that differ in at most `MOST_BITS` bits have nearly as many bits set: in that order each hash is compared
    with those of a window. Memory does not grow with the number of pairs.
    """
    ones = np.bitwise_count(hashes)
    order = np.argsort(ones, kind="stable")
    ones, ordered = ones[order], hashes[order]
    coarse, contrast = _coarse(colours), _contrast(colours)
    for start in track(range(0, len(order), _BLOCK), "near-duplicates", total=-(-len(order) // _BLOCK)):
        block = ordered[start : start + _BLOCK]
        end = int(np.searchsorted(ones, int(ones[start + len(block) - 1]) + MOST_BITS, side="right"))
        for low in range(start, end, _WINDOW):
            window = ordered[low : min(low + _WINDOW, end)]
            a, b = np.nonzero(np.bitwise_count(block[:, None] ^ window[None, :]) <= MOST_BITS)
            a, b = a + start, b + low
            pairs = np.sort(order[np.stack([a[a < b], b[a < b]], axis=1)], axis=1)
            yield _alike(_alike(pairs, coarse, contrast), colours, contrast)


def grouped(prints: Prints) -> Ints:
    """Group [n] of each picture: equal numbers are connected by near-duplicates or are one file."""
    _, first = np.unique(prints.file, return_index=True)
    links, count = np.empty((0, 2), dtype=np.int64), len(first)
    for pairs in near_pairs(prints.hashes[first], prints.colours[first]):
        links = np.concatenate([links, pairs])
        if len(links) > _MOST_LINKS:  # all that matters is what they connect
            label = _components(links, count)
            _, root = np.unique(label, return_index=True)
            links = np.stack([np.arange(count), root[label]], axis=1)
    return _components(links, count)[prints.file]


def _print(content: bytes) -> _Print | Refused:
    pixels = decode(content, _SIDE)
    if isinstance(pixels, Refused):
        return pixels
    picture = Image.fromarray(_without_margins(pixels, content))
    # Nine columns of eight rows: eight steps from left to right in each row.
    grey = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits((grey[:, 1:] - grey[:, :-1] > 1).ravel())
    colours = np.asarray(picture.resize((_GRID, _GRID), Image.Resampling.BOX))
    return _Print(hashlib.sha256(content).digest(), int.from_bytes(bits.tobytes(), "big"), colours)


def _without_margins(pixels: Pixels, content: bytes) -> Pixels:
    """`pixels` without the white that `decode` adds to make them square; `content` was found sound by it."""
    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
    side = len(pixels)
    wide, high = (max(1, round(length * side / max(width, height))) for length in (width, height))
    top, left = (side - high) // 2, (side - wide) // 2
    if (pixels[:top] < 255).any() or (pixels[:, :left] < 255).any():  # it lay on its side
        top, left, wide, high = left, top, high, wide
    return np.ascontiguousarray(pixels[top : top + high, left : left + wide])


def _coarse(colours: Pixels) -> Floats:
    """Means [n, 48] of the colours in 4 x 4 fields."""
    step = _GRID // _COARSE
    fields = colours.reshape(-1, _COARSE, step, _COARSE, step, 3)
    means: Floats = fields.mean(axis=(2, 4), dtype=np.float32)
    return means.reshape(len(colours), _COARSE * _COARSE * 3)


def _contrast(colours: Pixels) -> Floats:
    """[n] standard deviation of the colours around the mean colour."""
    found = np.empty(len(colours), dtype=np.float32)
    for start in range(0, len(colours), _VERIFIED):
        part = colours[start : start + _VERIFIED].reshape(-1, _GRID * _GRID, 3)
        found[start : start + _VERIFIED] = np.sqrt(part.var(axis=1, dtype=np.float32).mean(axis=1))
    return found


def _alike(pairs: Ints, colours: Pixels | Floats, contrast: Floats) -> Ints:
    """Those of `pairs` whose `colours` are hardly apart. Means are never further apart than what they are means of."""
    kept = [pairs[:0]]
    for start in range(0, len(pairs), _VERIFIED):
        part = pairs[start : start + _VERIFIED]
        a, b = (colours[part[:, n]].reshape(len(part), -1).astype(np.float32) for n in (0, 1))
        apart = np.sqrt(np.square(a - b).mean(axis=1))
        kept.append(part[apart <= MOST_APART * (contrast[part].min(axis=1) + _FLOOR)])
    return np.concatenate(kept)


def _components(links: Ints, count: int) -> Ints:
    graph = sp.coo_matrix((np.ones(len(links), dtype=bool), (links[:, 0], links[:, 1])), shape=(count, count))
    labels: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels
