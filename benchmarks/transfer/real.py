"""What transfer is worth on real data: `python -m benchmarks.transfer.real [PAIR ...]`.

Every pair of domains the research data has, in both directions where both are large enough; beside ours the bars that
beat published bridges, joint models, and the bridges. With `--shuffled` the shoppers of the source change names: then
nothing should help. Results land in `benchmarks/results/transfer/real.json`; a run goes on where it stopped.
"""

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.cold_start.plan import PLANS
from muslin.data.dataset import Dataset
from muslin.random import stream
from muslin.transfer.plan import Plan
from muslin.transfer.run import transfer

AGAINST = ("popularity_segment", "ease", "ials", "emcdr", "ptupcdr")
BRIDGES = ("source_posterior",)
_DATA = Path(os.environ.get("MUSLIN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


@dataclass(frozen=True)
class Pair:
    """A data set of the cold-start benchmark, and two of its domains."""

    data: str
    source: str
    target: str

    @property
    def name(self) -> str:
        """As it is asked for on the command line."""
        return f"{self.data}:{self.source}:{self.target}"


PAIRS = (
    Pair("hm_week", "accessories", "apparel"),
    Pair("hm_week", "apparel", "accessories"),
    Pair("rtr", "dresses", "separates"),
    Pair("rtr", "dresses", "outerwear"),
    Pair("rtr", "dresses", "jumpsuits"),
    Pair("sport_cloth_clean", "sport", "cloth"),
    Pair("sport_cloth_clean", "cloth", "sport"),
)


def measured(pair: Pair, work: Path, seeds: int, change: Callable[[Dataset], Dataset] | None) -> dict[str, Any]:
    """Everything a transfer between `pair` finds, and what finding it cost."""
    place = work / pair.data
    if not (place / "dataset.toml").is_file():
        PLANS[pair.data].make(_DATA, place)
    dataset = Dataset.load(place)
    started = time.process_time()
    plan = Plan(
        source=pair.source, target=pair.target, shares=(), betas=(1.0,), bridges=BRIDGES, against=AGAINST, seeds=seeds
    )
    found = transfer(change(dataset) if change else dataset, plan).facts()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**found, "cpu_s": time.process_time() - started, "peak_mb": peak, "machine": platform.processor()}


def shuffled(source: str) -> Callable[[Dataset], Dataset]:
    """Who took what in `source` is dealt out anew among its shoppers: nobody's taste is told any more."""

    def change(dataset: Dataset) -> Dataset:
        items = dataset.items.filter(pl.col("domain") == source).select("item_id")
        inside = dataset.events.join(items, on="item_id", how="semi", maintain_order="left")
        others = dataset.events.join(items, on="item_id", how="anti", maintain_order="left")
        ids = inside["user_id"].unique().sort()
        dealt = ids.gather(stream(0, "shuffled").permutation(len(ids)).tolist())
        names = pl.DataFrame({"user_id": ids, "dealt": dealt})
        changed = inside.join(names, on="user_id", maintain_order="left").with_columns(user_id="dealt").drop("dealt")
        return dataset.with_events(pl.concat([changed, others]).sort("timestamp", "user_id", "item_id"))

    return change


def main() -> int:
    """Run what is missing of the pairs asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks.transfer.real", description=__doc__)
    parser.add_argument("pairs", nargs="*", metavar="PAIR", help=", ".join(p.name for p in PAIRS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("out/benchmark"))
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parents[1] / "results" / "transfer" / "real.json"
    )
    asked = parser.parse_args()
    done = json.loads(asked.results.read_text()) if asked.results.is_file() else {}
    for pair in PAIRS:
        key = f"{pair.name}:shuffled" if asked.shuffled else pair.name
        if (asked.pairs and pair.name not in asked.pairs) or key in done:
            continue
        done[key] = measured(pair, asked.work, asked.seeds, shuffled(pair.source) if asked.shuffled else None)
        asked.results.parent.mkdir(parents=True, exist_ok=True)
        asked.results.write_text(json.dumps(done, indent=1, ensure_ascii=False) + "\n")
        for row in done[key]["rows"]:
            gain = row["gain"]
            print(
                f"{key} {row['segment']:6} {row['form']:28} {row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
                f" {gain['gain']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]",
                flush=True,
            )
        print(key, done[key]["verdict"]["shipped"], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
