"""What the whole plan costs: `python -m benchmarks.cold_start.estimate`, from the costs that results have recorded.

A fit of an entrant on a data set counts once for every cut it is asked on: protocols of one cut share it. What is not
fitting (import, questions, audit, figures) is what the recorded runs took beside their fits, for each fit the same; of
a data set whose account has gaps it is unknown and not counted. Entrants with no recorded fit are named and taken at
the mean of the data set's others; a data set without results is named and not counted.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cold_start.plan import PLANS, Plan
from benchmarks.cold_start.results import Measured, everything
from muslin import registry
from muslin.evaluate.protocol import PROTOCOLS
from muslin.evaluate.result import BOUNDS
from muslin.peers import known


@dataclass(frozen=True)
class Estimate:
    """Processor seconds of `name`: of all `fits` planned, and of the `rest`, None where nobody knows.

    `guessed` entrants are at the mean.
    """

    name: str
    fits: float
    rest: float | None
    guessed: tuple[str, ...]

    @property
    def hours(self) -> float:
        """Processor hours of what is known."""
        return (self.fits + (self.rest or 0.0)) / 3600


def everybody() -> tuple[str, ...]:
    """All entrants there can be, whether installed here or not."""
    return (*(name for name in registry.names() if name not in BOUNDS), *known.names())


def estimate(measured: Measured, plan: Plan, entrants: Sequence[str]) -> Estimate:
    """Of the plan of a data set some of which was measured."""
    known_s = costs(measured)
    mean = sum(known_s.values()) / max(len(known_s), 1)
    wanted = Counter[str]()
    for part in plan.rounds:
        for name in plan.asked(entrants, part.protocols):
            wanted[name] += len(_cuts(part.protocols)) * part.seeds
    fits = sum(known_s.get(name, mean) * count for name, count in wanted.items())
    spent, done = _fitted(measured, known_s)
    beside = None if measured.cost.resumed else max(0.0, measured.cost.cpu_seconds - spent) / max(done, 1)
    rest = None if beside is None else beside * wanted.total()
    return Estimate(measured.name, fits, rest, tuple(name for name in wanted if name not in known_s))


def costs(measured: Measured) -> dict[str, float]:
    """Processor seconds of one fit by entrant, the mean over what was measured."""
    found: dict[str, dict[str, float]] = {}
    for part in measured.rounds:
        for row in part.rows:
            if row.method not in BOUNDS:
                found.setdefault(row.method, {})[row.protocol] = row.fit_cpu_s
    return {method: sum(by.values()) / len(by) for method, by in found.items()}


def _fitted(measured: Measured, known_s: Mapping[str, float]) -> tuple[float, int]:
    """Processor seconds and number of all fits that were measured."""
    done = Counter[str]()
    for part in measured.rounds:
        for method in part.facts.methods:
            done[method] += len(_cuts(part.facts.protocols)) * len(part.facts.seeds) * (method in known_s)
    return sum(known_s.get(name, 0.0) * count for name, count in done.items()), done.total()


def _cuts(protocols: Sequence[str]) -> set[str]:
    return {PROTOCOLS[name].cut or name for name in protocols}


def cheapest_first(names: Sequence[str], found: Sequence[Measured]) -> tuple[str, ...]:
    """`names` by what a fit has cost on the data sets of `found`, on average; those never fitted last."""
    spent: dict[str, list[float]] = {}
    for measured in found:
        for name, seconds in costs(measured).items():
            spent.setdefault(name, []).append(seconds)
    mean = {name: sum(seconds) / len(seconds) for name, seconds in spent.items()}
    return tuple(sorted(names, key=lambda name: mean.get(name, float("inf"))))


def recorded() -> list[Measured]:
    """What was measured of the data sets that have a plan."""
    return [one for one in everything() if one.name in PLANS]


def estimates() -> list[Estimate]:
    """Of every data set that has results."""
    return [estimate(one, PLANS[one.name], everybody()) for one in recorded()]


def main() -> int:
    """Print a line per data set and the sum."""
    found = estimates()
    for one in found:
        unknown = f"; at the mean: {', '.join(one.guessed)}" if one.guessed else ""
        gap = " and an unknown rest" if one.rest is None else ""
        print(f"{one.name}: {one.hours:.2f} processor hours, {one.fits / 3600:.2f} of them fits{gap}{unknown}")
    missing = [name for name in PLANS if name not in {one.name for one in found}]
    print(f"together at least {sum(one.hours for one in found):.2f} processor hours")
    print(f"not measured at all: {', '.join(missing)}" if missing else "every data set is counted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
