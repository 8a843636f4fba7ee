"""Pictures to vectors with EfficientNet-Lite0: pictures a second by size and by batch, decoding, and peak memory."""

import io
import resource
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from muslin.data.decode import decode
from muslin.features.encoders import efficientnet_lite0, lite0_network
from muslin.random import stream
from muslin.types import Params

PICTURES, REPEATS, SIZES, BATCHES = 32, 5, (224, 160, 128, 96), (1, 4, 8, 16, 32)


def main() -> None:  # torch is imported late: `muslin` comes first and has its threads sleep while they wait (ADR 7)
    """Print medians of interleaved runs; memory after eight times as many pictures shows whether it grows with them."""
    import torch

    files = [_photograph(number) for number in range(PICTURES)]
    pictures = {size: np.stack([np.asarray(decode(content, size)) for content in files]) for size in SIZES}
    _memory(pictures[224])
    contenders: dict[str, Callable[[], object]] = {"decode 768 x 1152": lambda: [decode(c, 224) for c in files]}
    for size in SIZES:
        encoder = efficientnet_lite0.load(size)
        contenders[f"encode at {size}"] = lambda e=encoder: e.encode(pictures[e.size])  # type: ignore[misc]
    params = efficientnet_lite0.load().params
    for batch in BATCHES:
        contenders[f"  224, {batch} at once"] = lambda b=batch: _embed(params, pictures[224], b)  # type: ignore[misc]
    print(f"{torch.get_num_threads()} threads, {PICTURES} pictures, {REPEATS} runs each")
    for name, seconds in _interleaved(contenders).items():
        print(f"{name:18} {PICTURES / float(np.median(seconds)):7.1f} pictures/s")


def _photograph(number: int) -> bytes:
    """A JPEG of about 150 kB with as much detail as a product picture has: smooth noise at three scales."""
    rng, size = stream(0, "photograph", number), (768, 1152)
    layers = [rng.integers(256, size=(1152 // scale, 768 // scale, 3), dtype=np.uint8) for scale in (4, 32, 256)]
    grown = [np.asarray(Image.fromarray(layer).resize(size, Image.Resampling.BICUBIC)) for layer in layers]
    mixed = np.average(np.stack(grown), axis=0, weights=(1, 2, 4)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(mixed).save(file, "JPEG", quality=90)
    return file.getvalue()


def _embed(params: Params, pictures: np.ndarray, batch: int) -> None:
    import torch

    with torch.inference_mode():
        for start in range(0, len(pictures), batch):
            lite0_network.embed(params, lite0_network.scaled(torch.from_numpy(pictures[start : start + batch])))


def _interleaved(contenders: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds of each run; the first run of each, which warms caches, is left out."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(REPEATS + 1):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: runs[1:] for name, runs in seconds.items()}


def _memory(pictures: np.ndarray) -> None:
    encoder = efficientnet_lite0.load()
    encoder.encode(pictures)
    before = _peak()
    for _ in range(8):
        encoder.encode(pictures)
    print(
        f"peak memory {before:,.0f} MB after {len(pictures)} pictures, {_peak():,.0f} MB after {8 * len(pictures)} more"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
