"""How long the H&M week takes to import, with its pictures, and how much memory."""

import os
import resource
import tempfile
import time
from pathlib import Path

from muslin.data.sources.registry import source


def main() -> None:
    """Print counts, seconds and peak memory; say so where the data are absent."""
    home = Path(os.environ.get("MUSLIN_DATA", "../shared/data")) / "hm_week"
    if not home.is_dir():
        print(f"skipped: {home} is not there (set MUSLIN_DATA)")
        return
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        report = source("hm")(home, Path(folder) / "hm", mapping=None, max_bad=0.01, overwrite=False)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("\n".join(report.lines()))
    print(f"seconds      {seconds:.1f}")
    print(f"peak memory  {peak:,.0f} MB")


if __name__ == "__main__":
    main()
