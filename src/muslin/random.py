"""Named random streams: every draw in Muslin comes from a seed and a path of names.

A stream depends on nothing but its seed and its names, so adding a draw in one place never changes another, and a
resumed run redraws exactly what the interrupted one would have drawn.
"""

import hashlib

import numpy as np
import torch


def _entropy(seed: int, names: tuple[str | int, ...]) -> int:
    text = "\x1f".join([str(seed), *(f"{type(n).__name__}:{n}" for n in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Independent NumPy generator for `names` under `seed` (PCG64, 128-bit entropy from SHA-256)."""
    return np.random.Generator(np.random.PCG64(_entropy(seed, names)))


def torch_stream(seed: int, *names: str | int) -> torch.Generator:
    """Independent CPU torch generator for `names` under `seed`."""
    return torch.Generator().manual_seed(_entropy(seed, names) % 2**63)
