"""How long a large planted world takes: 20,000 items, 50,000 shoppers, 1,000,000 events, with pictures."""

import resource
import tempfile
import time
from pathlib import Path

from muslin.data.sources.boutique import BoutiqueConfig, make


def main() -> None:
    """Print seconds and peak memory."""
    config = BoutiqueConfig(n_items=20_000, n_users=50_000, n_events=1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        dataset = make(Path(folder) / "boutique", config, seed=0)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(dataset.items):,} items, {len(dataset.users):,} shoppers, {len(dataset.events):,} events")
    print(f"seconds      {seconds:.1f}")
    print(f"peak memory  {peak:,.0f} MB")


if __name__ == "__main__":
    main()
