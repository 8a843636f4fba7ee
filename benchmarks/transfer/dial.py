"""Does transfer help where tastes are shared, and stay out of the way where they are not? `python -m ... [--seeds N]`.

Boutiques that differ in nothing but the dial `shared_taste` and the seed. At dial 0 the tastes of a shopper in the two
domains are independent: what the guard ships then is counted, and what it costs. They are small, for there are many.
Results are kept; a run goes on. Every tenth seed turns the dial through all its places, so that one that was stopped
has something of each.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.progress import track
from muslin.transfer.plan import Plan
from muslin.transfer.run import transfer

DIALS = (0.0, 0.25, 0.5, 0.75, 1.0)
SHARES = (0.01, 1.0)
FIRST = 100
"""Seed of the first boutique: those before guided how transfer was made."""
PLAN = Plan(
    source="accessories",
    target="apparel",
    learner={"dimensions": 32, "epochs": 8, "negatives": 128},
    strengths=(0.0, 10.0, math.inf),
    bridges=("source_posterior",),
    shares=SHARES,
)
"""The learning curve is left out at dial 0, where nothing is to be learned from it."""


@dataclass(frozen=True)
class World:
    """A boutique by dial and seed."""

    dial: float
    seed: int

    def result(self) -> dict[str, Any]:
        """What a transfer from accessories to apparel finds in it."""
        plan = PLAN if self.dial else replace(PLAN, shares=())
        config = BoutiqueConfig(n_items=300, n_users=1500, n_events=15_000, shared_taste=self.dial, pictures=False)
        with TemporaryDirectory() as folder:
            make(Path(folder), config, seed=self.seed)
            found = transfer(Dataset.load(folder), plan, self.seed)
        return found.facts()


def worlds(seeds: int) -> Iterator[World]:
    """Dial 0 with every seed, each other dial with every tenth."""
    for seed in range(FIRST, FIRST + seeds):
        for dial in DIALS:
            if not dial or (seed - FIRST) % 10 == 0:
                yield World(dial, seed)


def summary(results: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """By dial: how often the transfer was shipped, and mean gains of the chosen and of the shipped form."""
    rows = []
    for dial in DIALS:
        mine = [r for key, r in results.items() if float(key.split("/")[0]) == dial]
        if not mine:
            continue
        gains = [g for r in mine for g in r["verdict"]["gains"] if g["segment"] == "new"]
        shipped = [r["verdict"]["shipped"] != r["verdict"]["null"] for r in mine]
        kept = [g["gain"] / g["null"] * s for g, s in zip(gains, shipped, strict=True)]
        rows.append(
            {
                "dial": dial,
                "worlds": len(mine),
                "shipped": int(np.sum(shipped)),
                "gain of the chosen": float(np.mean([g["gain"] / g["null"] for g in gains])),
                "gain of the shipped": float(np.mean(kept)),
                "gap closed at 1 %": closed(mine),
            }
        )
    return rows


def closed(results: list[dict[str, Any]]) -> float | None:
    """Share of the gap between the target's own model of 1 % of the data and the transfer of all, that 1 % closes."""
    shares = []
    for result in results:
        new = {p["share"]: p["gain"] for p in result["curve"] if p["gain"]["segment"] == "new"}
        if set(SHARES) <= set(new):
            low, high = new[SHARES[0]], new[SHARES[1]]
            shares.append((low["form"] - low["null"], max(high["form"], high["null"]) - low["null"]))
    if not shares:
        return None
    gained, gap = np.sum(shares, axis=0)
    return float(gained / gap)


def main() -> int:
    """Run what is missing, print the summary."""
    parser = argparse.ArgumentParser(prog="benchmarks.transfer.dial", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parents[1] / "results" / "transfer" / "dial.json"
    )
    asked = parser.parse_args()
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    done = json.loads(asked.results.read_text()) if asked.results.is_file() else {}
    for world in track(list(worlds(asked.seeds)), "boutiques"):
        key = f"{world.dial}/{world.seed}"
        if key not in done:
            done[key] = world.result()
            asked.results.write_text(json.dumps(done))
    print(json.dumps(summary(done), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
