"""The result as one HTML file: nothing is loaded from anywhere, nothing is run.

Everything that comes from data (names of datasets, methods, columns) is escaped by the template.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from muslin.evaluate import charts
from muslin.evaluate.protocol import PROTOCOLS
from muslin.evaluate.questions import Question, best, fallback_notes, figures, questions, suspects
from muslin.evaluate.result import BOUNDS, Comparison, Result, Row

_TITLES = {"item-cold": "New garments", "user-cold": "New shoppers", "warm": "Known shoppers, known garments"}
_PROMISES = {
    "item-cold": "A tenth of the families leave training with every event of every variant. A method sees these "
    "garments for the first time when it is asked who wants them.",
    "user-cold": "A tenth of the shoppers leave training. A method sees their first k items and must rank what they "
    "took later. Query and candidates are the same for every k.",
    "warm": "Some shoppers give up their newest item. Nothing is new here: this is what a cold-start method must not "
    "cost.",
}


@dataclass(frozen=True)
class Cell:
    """A figure with its interval, ready to print."""

    value: str
    interval: str
    leads: bool


@dataclass(frozen=True)
class Table:
    """One question: a line per method, a column per metric; folded away unless `opened`."""

    title: str
    opened: bool
    metrics: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Cell, ...]], ...]
    n_users: int
    n_items: int


@dataclass(frozen=True)
class Tile:
    """The best method of one headline question."""

    title: str
    question: str
    method: str
    value: str
    interval: str
    remark: str


@dataclass(frozen=True)
class Check:
    """One audit check over all splits."""

    name: str
    found: str
    share: str
    verdict: str
    note: str


@dataclass(frozen=True)
class Section:
    """Everything about one protocol."""

    name: str
    title: str
    promise: str
    notes: tuple[str, ...]
    suspects: tuple[str, ...]
    forests: tuple[tuple[str, Markup], ...]
    curve: Markup | None
    legend: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    comparisons: tuple[tuple[str, Comparison], ...]
    checks: tuple[Check, ...]


def write(result: Result, path: Path) -> None:
    """Write the report to `path`."""
    path.write_text(render(result), encoding="utf-8")


def render(result: Result) -> str:
    """The report as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files("muslin.evaluate").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        facts=result.facts,
        metric=metric_name(result.headline),
        tiles=[tile for name in result.facts.protocols for tile in _tiles(result, name)],
        sections=[_section(result, name) for name in result.facts.protocols],
        fit=_fit_seconds(result),
        bounds=BOUNDS,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def metric_name(metric: str) -> str:
    """As people write it: NDCG@20."""
    return metric.capitalize() if metric.startswith(("recall", "coverage")) else metric.upper()


def _section(result: Result, name: str) -> Section:
    asked = questions(result, name)
    series = _series(result, name) if name == "user-cold" else {}
    shown = [q for q in asked if q.headline or name == "item-cold"]
    rows = {q: figures(result, q, result.headline) for q in shown}
    return Section(
        name=name,
        title=_TITLES.get(name, name),
        promise=_PROMISES.get(name, PROTOCOLS[name].asks),
        notes=tuple(note for note in fallback_notes(result) if note.startswith(name)),
        suspects=tuple(_suspicion(name, m, ks) for m, ks in suspects(result, name).items()),
        forests=tuple((q.label, Markup(charts.forest(rows[q]))) for q in shown),  # noqa: S704 - drawn by us
        curve=Markup(charts.curve(series)) if len(result.facts.ks) > 1 and series else None,  # noqa: S704
        legend=tuple(zip(series, charts.SERIES * (1 + len(series) // len(charts.SERIES)), strict=False)),
        tables=tuple(_table(result, q, opened=q.headline and q.k in (None, 0, max(result.facts.ks))) for q in asked),
        comparisons=tuple((_compared(c), c) for c in result.comparisons if c.protocol == name),
        checks=tuple(_checks(result, name)),
    )


def _suspicion(protocol: str, method: str, ks: list[int | None]) -> str:
    return f"{method} (k = {', '.join(map(str, ks))})" if protocol == "user-cold" else method


def _compared(comparison: Comparison) -> str:
    return f"k = {comparison.k}" if comparison.protocol == "user-cold" else ""


def _series(result: Result, name: str) -> dict[str, list[Row]]:
    """Headline rows over k of each method."""
    found: dict[str, list[Row]] = {}
    for question in questions(result, name):
        for method, row in figures(result, question, result.headline).items():
            found.setdefault(method, []).append(row)
    return found


def _table(result: Result, question: Question, *, opened: bool) -> Table:
    names = tuple(dict.fromkeys(row.metric for row in result.rows))
    columns = {m: figures(result, question, m) for m in names}
    metrics = tuple(m for m in names if columns[m])
    leaders = {m: best(columns[m]) for m in metrics}
    lines = tuple(
        (method, tuple(_cell(columns[m][method], leads=method in leaders[m]) for m in metrics))
        for method in result.facts.methods
    )
    first = columns[metrics[0]][result.facts.methods[0]]
    shown = tuple(metric_name(m) for m in metrics)
    title = question.label if question.protocol == "user-cold" else question.label.capitalize()
    return Table(title, opened, shown, lines, first.n_users, first.n_items)


def _cell(row: Row, *, leads: bool) -> Cell:
    return Cell(_number(row.value), _interval(row), leads)


def _number(value: float) -> str:
    """Three decimals, four where three would leave one digit."""
    return f"{value:.4f}" if 0 < value < 0.01 else f"{value:.3f}"


def _interval(row: Row) -> str:
    return "" if row.ci_low is None or row.ci_high is None else f"{_number(row.ci_low)}–{_number(row.ci_high)}"


def _tiles(result: Result, name: str) -> Iterator[Tile]:
    for question in questions(result, name):
        rows = figures(result, question, result.headline)
        leaders = best(rows) if question.headline else ()
        if leaders:
            row = rows[leaders[0]]
            title = f"{_TITLES.get(name, name)}, {question.label}" if name == "user-cold" else _TITLES.get(name, name)
            yield Tile(title, question.label, row.method, _number(row.value), _interval(row), _remark(rows, row))


def _remark(rows: dict[str, Row], leader: Row) -> str:
    """How far the leader is from what it is measured against."""
    said = ["suspect"] if leader.suspect else []
    base = rows["popularity"].value
    if leader.method != "popularity" and base > 0:
        said.append(f"{leader.value / base:.1f} × popularity")
    floor = rows["random"].value
    if "oracle" in rows and rows["oracle"].value > floor:
        way = (leader.value - floor) / (rows["oracle"].value - floor)
        said.append(f"{way:.0%} of the way from random to the oracle")
    return ", ".join(said)


def _checks(result: Result, name: str) -> Iterator[Check]:
    grouped: dict[str, list[int]] = {}
    for n, finding in enumerate(result.findings):
        if finding.protocol == name:
            grouped.setdefault(finding.check, []).append(n)
    for check, places in grouped.items():
        found = [result.findings[n] for n in places]
        count, total = sum(f.count for f in found), sum(f.total for f in found)
        verdict = "leak" if any(f.violation for f in found) else "fact" if count else "clear"
        share = f"{count / total:.1%}" if total else "-"
        yield Check(check, f"{count:,} of {total:,}", share, verdict, found[0].note)


def _fit_seconds(result: Result) -> dict[str, dict[str, float]]:
    """Processor seconds of one fit by method and protocol."""
    found: dict[str, dict[str, float]] = {method: {} for method in result.facts.methods}
    for row in result.rows:
        found[row.method][row.protocol] = row.fit_cpu_s
    return found
