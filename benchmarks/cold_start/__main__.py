"""Run the benchmark: `python -m benchmarks.cold_start [DATA ...] [--methods A,B] [--quick]`.

Each data set runs in a process of its own, so that its peak memory is its own. Finished answers are kept under
`--work`; a run that was killed goes on from there. Protocols that a run was not asked for stay in the results as an
earlier run left them, so that a table can grow step by step.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.cold_start import ledger
from benchmarks.cold_start.estimate import cheapest_first, recorded
from benchmarks.cold_start.plan import PLANS, Plan, Round
from benchmarks.cold_start.results import Measured, joined, write
from muslin import registry
from muslin.data.dataset import Dataset
from muslin.evaluate.result import Result
from muslin.features.embed import Encoders, enriched
from muslin.peers import environment, known
from muslin.recipes.evaluate import evaluate

_DATA = Path(os.environ.get("MUSLIN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


def main() -> int:
    """Run the named data sets, or all; the exit status is the number that failed."""
    wanted = _arguments()
    if len(wanted.data) == 1:
        return _one(wanted.data[0], wanted)
    rest = [a for a in sys.argv[1:] if a not in wanted.data]
    failed = 0
    for name in wanted.data or PLANS:
        command = [sys.executable, "-m", "benchmarks.cold_start", name, *rest]
        failed += subprocess.run(command, check=False).returncode != 0
    return failed


def quick(plan: Plan) -> Plan:
    """The same questions of one cut and few shoppers: minutes instead of hours."""
    rounds = tuple(replace(r, seeds=1, ks=tuple(k for k in r.ks if k in (0, 1, 3))) for r in plan.rounds)
    return replace(plan, rounds=rounds, max_users=200)


def narrowed(plan: Plan, protocols: Sequence[str] | None, seeds: int | None) -> Plan:
    """Only these protocols, and no more than so many cuts: what is answered now need not be later."""
    rounds = []
    for part in plan.rounds:
        kept = tuple(name for name in part.protocols if protocols is None or name in protocols)
        if kept:
            rounds.append(replace(part, protocols=kept, seeds=min(part.seeds, seeds or part.seeds)))
    return replace(plan, rounds=tuple(rounds))


def entrants() -> tuple[str, ...]:
    """Every method and every installed peer, the cheapest first: a kill leaves most of the table."""
    names = (*registry.names(), *(p for p in known.names() if environment.installed(known.peer(p))))
    return cheapest_first(names, recorded())


def tuned(dataset: Dataset, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Options found by benchmarks.peers.tune for this data set, of those who were tuned; the others have defaults."""
    folder = Path(__file__).parents[1] / "peers" / "tuned" / dataset.schema.name
    files = {name: folder / f"{name}.json" for name in names}
    found = {n: json.loads(f.read_text(encoding="utf-8"))["options"] for n, f in files.items() if f.is_file()}
    return {name: options for name, options in found.items() if options}


def run(name: str, plan: Plan, work: Path, methods: tuple[str, ...] | None) -> Measured:
    """Everything `plan` asks of the data set `name`, whose files and answers are kept in `work`."""
    cache, costs = work / f"{name}-answers", work / f"{name}-costs"
    with ledger.kept(costs, older=cache.exists()):
        dataset = _dataset(name, plan, work)
        chosen = methods or entrants()
        rounds = tuple(
            _asked(dataset, plan.asked(chosen, part.protocols), part, plan.max_users, cache) for part in plan.rounds
        )
    return Measured(name, rounds, ledger.total(costs))


def _asked(dataset: Dataset, methods: list[str], part: Round, max_users: int, cache: Path) -> Result:
    return evaluate(
        dataset,
        protocols=part.protocols,
        methods=methods,
        ks=part.ks,
        seeds=range(part.first, part.first + part.seeds),
        max_users=max_users,
        cache=cache,
        options=tuned(dataset, methods),
    )


def _dataset(name: str, plan: Plan, work: Path) -> Dataset:
    place = work / name
    if not (place / "dataset.toml").is_file():
        plan.make(_DATA, place)
    return enriched(Dataset.load(place), Encoders(pictures=plan.pictures), cache=work / f"{name}-embeddings")


def _one(name: str, wanted: argparse.Namespace) -> int:
    plan = quick(PLANS[name]) if wanted.quick else PLANS[name]
    plan = narrowed(plan, wanted.protocols.split(",") if wanted.protocols else None, wanted.seeds)
    if not plan.rounds:
        print(f"{name}: none of these protocols is asked of it")
        return 0
    measured = run(name, plan, wanted.work, tuple(wanted.methods.split(",")) if wanted.methods else None)
    for result in measured.rounds:
        result.print()
    print(write(joined(measured, wanted.results), wanted.results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.cold_start", description=__doc__)
    parser.add_argument("data", nargs="*", metavar="DATA", help=", ".join(PLANS))
    parser.add_argument("--methods", metavar="A,B", help="methods and peers; all, and the installed peers, by default")
    parser.add_argument("--quick", action="store_true", help="one cut, 200 shoppers a question")
    parser.add_argument("--protocols", metavar="A,B", help="only these, of those planned")
    parser.add_argument("--seeds", type=int, metavar="N", help="no more cuts than this")
    parser.add_argument("--work", type=Path, default=Path("out/benchmark"), help="imported data and finished answers")
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    found = parser.parse_args()
    for name in found.data:
        if name not in PLANS:
            parser.error(f"no data set is called {name!r}; there are {', '.join(PLANS)}")
    return found


if __name__ == "__main__":
    sys.exit(main())
