"""Real new garments and shoppers, served day by day: `python -m benchmarks.replay [--method gp_residual]`.

The H&M week: trained on its first three days, the other days served as `muslin replay` does. The catalogue is what sold
in the week at all: a shop knows what it sells, and the data hold two years of garments. NDCG@20 by the events a garment
or shopper had before, with and without learning from them, into `benchmarks/results/replay.json`.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl

from benchmarks.cold_start.plan import PLANS
from muslin.data.dataset import Dataset
from muslin.engine.replay import replay, summary
from muslin.recipes.fit import fit

_DATA = Path(os.environ.get("MUSLIN_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
RESULTS = Path(__file__).parent / "results" / "replay.json"
DAYS = 3
"""Trained on."""


def main(arguments: list[str]) -> int:
    """Import, cut, fit, serve."""
    parser = argparse.ArgumentParser(prog="benchmarks.replay", description=__doc__)
    parser.add_argument("--method", default="gp_residual")
    parser.add_argument("--max-users", type=int, default=None, help="asked for a day; all are told")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=NUMBER", help="of the method")
    parser.add_argument("--work", type=Path, default=Path("out/benchmark"))
    asked = parser.parse_args(arguments)
    place = asked.work / "hm_week"
    if not (place / "dataset.toml").is_file():
        PLANS["hm_week"].make(_DATA, place)
    started, whole = time.process_time(), Dataset.load(place)
    sold = whole.items.filter(pl.col("item_id").is_in(whole.events["item_id"].unique().implode()))
    whole = replace(whole, items=sold)
    early = pl.col("timestamp") < pl.col("timestamp").min().dt.truncate("1d") + timedelta(days=DAYS)
    options = {name: json.loads(value) for name, _, value in (one.partition("=") for one in asked.set)}
    model = fit(whole.with_events(whole.events.filter(early)), asked.method, options)
    print(f"fitted: {time.process_time() - started:.0f} CPU-s", flush=True)
    log = whole.events.filter(~early).select("user_id", "item_id", "timestamp", "event")
    days = []
    for day in replay(model, log, most=asked.max_users):
        days.append(day)
        taken, cpu = len(day.pairs.filter(side="garment")), time.process_time() - started
        print(f"day {len(days)}: {taken} pairs, {cpu:.0f} CPU-s", flush=True)
        facts = {"method": asked.method, "options": options, "trained_days": DAYS, "served_days": len(days)}
        facts |= {
            "garments": len(model.world.catalogue),
            "new": len(model.world.catalogue) - model.world.catalogue.n_hot,
        }
        rows = summary(days)
        facts |= {"max_users": asked.max_users, "cpu_s": round(time.process_time() - started), "rows": rows}
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(facts, indent=1) + "\n")
    for row in rows:
        low, high = row["ci_low"], row["ci_high"]
        print(f"{row['side']:8} {row['events']:8} {row['variant']:10} {row['value']:.4f} [{low:.4f}, {high:.4f}]")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
