"""Shoppers new to a domain, by bridge: `python -m benchmarks.transfer.newcomers [DATA ...]`.

The cross-domain protocol on the data sets that have domains: our bridge beside the published ones, joint models and
popularity. Results land in `benchmarks/results/transfer/`, one file a data set; finished answers are kept under
`--work`, and a run that was killed goes on.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.cold_start.__main__ import run
from benchmarks.cold_start.plan import PLANS, Plan
from benchmarks.cold_start.results import RESULTS, write

DATA = ("boutique", "rtr", "hm_week", "sport_cloth_clean")
"""Smallest first."""
OURS = "source_posterior"
METHODS = ("popularity", "popularity_segment", "ease", "ials", "emcdr", "ptupcdr", OURS)
FOLDER = RESULTS / "transfer"
FIRST = 10
"""Seed of the first cut: those before guided how our bridge was made."""


def planned(data: str, cuts: int, first: int, max_users: int) -> Plan:
    """The cross-domain question of `data`, of `cuts` cuts from the seed `first` on."""
    rounds = tuple(
        replace(part, protocols=("cross-domain",), seeds=cuts, first=first)
        for part in PLANS[data].rounds
        if "cross-domain" in part.protocols
    )
    return replace(PLANS[data], rounds=rounds, max_users=max_users)


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks.transfer.newcomers", description=__doc__)
    parser.add_argument("data", nargs="*", metavar="DATA", help=", ".join(DATA))
    parser.add_argument("--seeds", type=int, default=2, help="cuts")
    parser.add_argument("--first", type=int, default=FIRST, help="seed of the first cut")
    parser.add_argument("--max-users", type=int, default=2000, help="shoppers asked in each direction")
    parser.add_argument("--methods", metavar="A,B", help=f"{', '.join(METHODS)} by default")
    parser.add_argument("--work", type=Path, default=Path("out/newcomers"))
    parser.add_argument("--results", type=Path, default=FOLDER)
    asked = parser.parse_args()
    methods = tuple(asked.methods.split(",")) if asked.methods else METHODS
    for name in asked.data or DATA:
        plan = planned(name, asked.seeds, asked.first, asked.max_users)
        measured = run(name, plan, asked.work, methods)
        for result in measured.rounds:
            result.print()
        print(write(measured, asked.results), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
