"""Every pair of domains, in both directions: what each has to tell each."""

import json
import sys
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

from rich.console import Console

from muslin.data.dataset import Dataset
from muslin.errors import DataError
from muslin.transfer.plan import Plan
from muslin.transfer.result import TransferResult
from muslin.transfer.run import transfer


@dataclass(frozen=True)
class Matrix:
    """`domains`, the results by (source, target), and the pairs that could not be asked."""

    domains: tuple[str, ...]
    results: dict[tuple[str, str], TransferResult]
    left_out: dict[tuple[str, str], str]

    def facts(self) -> list[dict[str, Any]]:
        """JSON-ready: those of each pair."""
        return [result.facts() for result in self.results.values()]

    def to_json(self, target: Path | str) -> None:
        """Write `facts` to a file, or to standard output for `-`."""
        text = json.dumps(self.facts(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        if str(target) == "-":
            sys.stdout.write(text)
        else:
            Path(target).write_text(text, encoding="utf-8")

    def print(self, console: Console | None = None) -> None:
        """Show the gains in the terminal."""
        from muslin.transfer.terminal import gains

        (console or Console()).print(gains(self))


def matrix(dataset: Dataset, plan: Plan, seed: int = 0) -> Matrix:
    """`transfer` between all ordered pairs of domains, without learning curves.

    A pair with too few shoppers to ask is left out, and said. Raises `DataError` (`one_domain`) where there is but one
    domain, or no pair can be asked.
    """
    domains = tuple(dataset.items["domain"].drop_nulls().unique().sort())
    found: dict[tuple[str, str], TransferResult] = {}
    left_out: dict[tuple[str, str], str] = {}
    for source, target in permutations(domains, 2):
        try:
            found[source, target] = transfer(dataset, replace(plan, source=source, target=target, shares=()), seed)
        except DataError as error:
            left_out[source, target] = error.message
    if not found:
        fix = "give items a domain column with two or more domains whose shoppers took several garments"
        raise DataError("there are no two domains to transfer between", code="one_domain", where="domain", fix=fix)
    return Matrix(domains, found, left_out)
