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
from muslin.evaluate.claims import ECE, INTERVAL
from muslin.evaluate.protocol import PROTOCOLS
from muslin.evaluate.questions import Question, best, fallback_notes, figures, leading, questions, suspects
from muslin.evaluate.result import BOUNDS, Comparison, Result, Row
from muslin.evaluate.wording import PROMISES, TITLES


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
class Curve:
    """A chart of lines with the colour of each method."""

    title: str
    note: str
    picture: Markup
    legend: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Section:
    """Everything about one protocol."""

    name: str
    title: str
    promise: str
    notes: tuple[str, ...]
    suspects: tuple[str, ...]
    forests: tuple[tuple[str, Markup], ...]
    curves: tuple[Curve, ...]
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
    ends = {None, 0, 1, max(result.facts.ks)}
    shown = [q for q in asked if (q.headline or name == "item-cold") and (q.k in ends or len(result.facts.ks) < 5)]
    rows = {q: figures(result, q, result.headline) for q in shown}
    return Section(
        name=name,
        title=TITLES.get(name, name),
        promise=PROMISES.get(name, PROTOCOLS[name].asks),
        notes=tuple(note for note in fallback_notes(result) if note.startswith(name)),
        suspects=tuple(_suspicion(name, m, ks) for m, ks in suspects(result, name).items()),
        forests=tuple((q.label, Markup(charts.forest(rows[q]))) for q in shown),  # noqa: S704 - drawn by us
        curves=tuple(_curves(result, asked)),
        tables=tuple(_table(result, q, opened=q.headline and q.k in (None, 0, max(result.facts.ks))) for q in asked),
        comparisons=tuple((_compared(c), c) for c in result.comparisons if c.protocol == name),
        checks=tuple(_checks(result, name)),
    )


def _suspicion(protocol: str, method: str, ks: list[int | None]) -> str:
    return f"{method} (k = {', '.join(map(str, ks))})" if protocol in ("user-cold", "both-cold", "k-shot") else method


def _compared(comparison: Comparison) -> str:
    several = comparison.protocol not in ("item-cold", "user-cold", "both-cold", "warm")
    step = f"k = {comparison.k}" if comparison.protocol in ("user-cold", "both-cold", "k-shot") else ""
    return ", ".join(filter(None, (comparison.view if several else "", step)))


def _curves(result: Result, asked: list[Question]) -> Iterator[Curve]:
    """NDCG over k of each list that was asked for at several k; what known garments pay for new ones."""
    metric = metric_name(result.headline)
    views = dict.fromkeys((q.view, q.path == "all") for q in asked if q.is_step)
    for view, whole in views:
        steps = [q for q in asked if q.is_step and q.view == view and (q.path == "all") == whole]
        if view == "newcomers" and not whole:
            continue
        series = _leading({m: _rows(result, steps, m) for m in result.facts.methods})
        if len(steps) > 1 and series:
            named = f"{metric}, {view}" if len(views) > 1 else metric
            yield _curve(f"{named} as events are revealed", "band: 95 %", charts.curve(series), list(series))
    mixed = [q for q in asked if q.protocol == "mixed"]
    sides = {side: [q for q in mixed if q.path == side] for side in ("hot", "cold")}
    if sides["hot"] and sides["cold"]:
        cold = _leading({m: _rows(result, sides["cold"], m) for m in result.facts.methods})
        points = {m: list(zip(_rows(result, sides["hot"], m), rows, strict=True)) for m, rows in cold.items()}
        note = "a point for each share of places of new garments"
        yield _curve(f"{metric} of new against known garments", note, charts.trade(points), list(points))


def _rows(result: Result, asked: list[Question], method: str) -> list[Row]:
    found = [figures(result, question, result.headline) for question in asked]
    rows = [rows[method] for rows in found if method in rows]
    return sorted(rows, key=lambda row: (row.k or 0, float(row.view.split()[1]) if row.protocol == "mixed" else 0.0))


def _leading(series: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """No more lines than there are colours to tell them apart."""
    return {method: series[method] for method in leading(series, len(charts.SERIES))}


def _curve(title: str, note: str, picture: str, methods: list[str]) -> Curve:
    legend = tuple(zip(methods, charts.SERIES, strict=False))
    return Curve(title, note, Markup(picture), legend)  # noqa: S704 - drawn by us


def _table(result: Result, question: Question, *, opened: bool) -> Table:
    names = tuple(dict.fromkeys(row.metric for row in result.rows))
    columns = {m: figures(result, question, m) for m in names}
    metrics = tuple(m for m in names if columns[m])
    leaders = {m: best(columns[m]) if m not in (ECE, INTERVAL) else () for m in metrics}
    lines = tuple(
        (method, tuple(_cell(columns[m].get(method), leads=method in leaders[m]) for m in metrics))
        for method in result.facts.methods
    )
    first = columns[metrics[0]][result.facts.methods[0]]
    shown = tuple(metric_name(m) for m in metrics)
    title = question.label if question.protocol == "user-cold" else question.label.capitalize()
    return Table(title, opened, shown, lines, first.n_users, first.n_items)


def _cell(row: Row | None, *, leads: bool) -> Cell:
    return Cell("–", "", leads=False) if row is None else Cell(_number(row.value), _interval(row), leads)


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
            title = f"{TITLES.get(name, name)}, {question.label}" if name == "user-cold" else TITLES.get(name, name)
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
