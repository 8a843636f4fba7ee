"""What an evaluation found, and the ways to show it."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from muslin.evaluate.finding import Finding

BOUNDS = ("random", "oracle")
"""The floor, and on planted data the ceiling: no entrants."""

REFERENCES = ("random", "popularity")
"""What a method must beat not to be suspect."""


@dataclass(frozen=True)
class Row:
    """One figure.

    `view`: which list was ranked; `path`: under which knowledge the true items fall; `k`: events revealed.
    `ci_low`, `ci_high`: 95 % interval, None for coverage and gini, which describe the lists made and estimate nothing,
    and for what a method's own claims are worth (`claims`).
    `domain`: where the candidates are from, "all" for any.
    `n_users`, `n_items`: distinct shoppers asked and items wanted; `seeds`: splits averaged; `fit_cpu_s`: processor
    seconds of one fit, mean; `suspect`: not shown to beat random and popularity on the protocol's headline metric.
    """

    protocol: str
    dataset: str
    domain: str
    view: str
    method: str
    path: str
    k: int | None
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    n_users: int
    n_items: int
    seeds: int
    fit_cpu_s: float
    suspect: bool


@dataclass(frozen=True)
class Comparison:
    """Paired difference of the headline metric, `best` minus `other`; `p` adjusted by Holm within the question."""

    protocol: str
    view: str
    path: str
    k: int | None
    metric: str
    best: str
    other: str
    value: float
    ci_low: float
    ci_high: float
    p: float


@dataclass(frozen=True)
class Facts:
    """What was evaluated, and with what.

    `fallback`: by question and method, the share of shoppers of whom the method knew nothing; they got popularity.
    """

    dataset: str
    n_users: int
    n_items: int
    n_events: int
    methods: tuple[str, ...]
    protocols: tuple[str, ...]
    seeds: tuple[int, ...]
    ks: tuple[int, ...]
    max_users: int | None
    cutoff: int
    fallback: dict[str, dict[str, float]]
    versions: dict[str, str]


@dataclass(frozen=True)
class Result:
    """Rows, paired comparisons, audit findings and facts of one evaluation."""

    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    facts: Facts

    @property
    def headline(self) -> str:
        """Name of the metric by which methods are judged."""
        return f"ndcg@{self.facts.cutoff}"

    def find(self, metric: str, protocol: str, view: str, path: str, k: int | None) -> list[Row]:
        """Rows of one question and metric, in the order of the methods."""
        key = (metric, protocol, view, path, k)
        return [r for r in self.rows if (r.metric, r.protocol, r.view, r.path, r.k) == key]

    def to_json(self, target: Path | str) -> None:
        """Write the rows as a JSON array to a file, or to standard output for `-`."""
        text = json.dumps([asdict(row) for row in self.rows], indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        if str(target) == "-":
            sys.stdout.write(text)
        else:
            Path(target).write_text(text, encoding="utf-8")

    def print(self, console: Console | None = None) -> None:
        """Show the table in the terminal."""
        from muslin.evaluate.terminal import render

        (console or Console()).print(render(self))

    def save_svg(self, path: Path | str) -> None:
        """Write a picture of the terminal table."""
        from muslin.evaluate.terminal import save_svg

        save_svg(self, Path(path))

    def to_html(self, path: Path | str) -> None:
        """Write the self-contained report."""
        from muslin.evaluate.report import write

        write(self, Path(path))
