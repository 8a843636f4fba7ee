"""The result as a table in the terminal, or as a picture of one."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from muslin.evaluate.claims import ECE, INTERVAL
from muslin.evaluate.finding import Finding
from muslin.evaluate.protocol import PROTOCOLS
from muslin.evaluate.questions import Question, best, fallback_notes, figures, questions
from muslin.evaluate.result import BOUNDS, Result, Row

_WIDTH = 80
"""Columns of the picture."""

_TITLES = {
    "both-cold": "New garments for new shoppers, after k known garments of theirs (both-cold)",
    "k-shot garments": "New garments after k of their shoppers, among themselves (k-shot)",
    "k-shot garments, whole catalogue": "New garments after k of their shoppers, in the whole catalogue (k-shot)",
    "k-shot shoppers": "New shoppers after k of their garments (k-shot)",
    "cross-domain": "Shoppers known in one domain, new to another (cross-domain)",
    "cross-domain-disjoint": "The same, no other shopper in both (cross-domain-disjoint)",
    "time known": "Known shoppers after the date (time)",
    "time newcomers": "New shoppers after the date, after k items (time)",
    "mixed all": "Known and new garments in one list, by the share of places of new ones: both (mixed)",
    "mixed cold": "The same: new garments",
    "mixed hot": "The same: known garments",
}
_HEADS = {
    ("item-cold", "within", "cold"): "among\nnew ones",
    ("item-cold", "full", "all"): "whole\ncatalogue",
    ("item-cold", "full", "cold"): "new ones\nin it",
    ("item-cold", "full", "hot"): "known ones\nin it",
    ("warm", "full", "hot"): "known\nshoppers",
    ("time", "arrivals", "cold"): "among\narrivals",
    ("time", "full", "all"): "whole\ncatalogue",
    ("time", "full", "cold"): "arrivals\nin it",
    ("time", "full", "hot"): "known ones\nin it",
}


def render(result: Result) -> RenderableType:
    """Tables per kind of newness, the legend, and what the audit found."""
    known = "Shoppers nobody has seen, after k items (user-cold), and known ones (warm)"
    tables = [
        _table(result, "Garments nobody has bought (item-cold)", questions(result, "item-cold")),
        _table(result, known, questions(result, "user-cold") + questions(result, "warm")),
        *(_table(result, title, asked) for title, asked in _others(result)),
    ]
    shown: list[RenderableType] = [_heading(result)]
    shown += [table for table in tables if table.columns]
    stated = _stated(result)
    return Group(*shown, *([stated] if stated.row_count else []), _legend(result), _audit(result))


def save_svg(result: Result, path: Path) -> None:
    """Write a picture of the table that loads nothing from anywhere."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(render(result))
    picture = console.export_svg(title=f"muslin evaluate {result.facts.dataset}")
    path.write_text(re.sub(r"@font-face\s*\{[^}]*\}", "", picture), encoding="utf-8")


def _others(result: Result) -> Iterator[tuple[str, list[Question]]]:
    """Title and questions of the other tables: those of a protocol whose columns belong side by side."""
    found: dict[str, list[Question]] = {}
    for question in questions(result):
        name, view, path = question.protocol, question.view, question.path
        part = {
            "k-shot": f"k-shot {view}",
            "time": "time newcomers" if view == "newcomers" else "time known",
            "mixed": f"mixed {path}",
        }.get(name, name)
        if part in _TITLES and not (view == "newcomers" and path not in ("all", "cold", "warming")):
            found.setdefault(part, []).append(question)
    order = sorted(found, key=list(_TITLES).index)
    return ((_TITLES[part], sorted(found[part], key=_step)) for part in order)


def _step(question: Question) -> tuple[float, float]:
    """Place in its table: by the share of new garments, then by k."""
    share = float(question.view.split()[1]) if question.protocol == "mixed" else 0.0
    return share, question.k or 0


def _heading(result: Result) -> Text:
    facts = result.facts
    splits = f"{len(facts.seeds)} split" + "s" * (len(facts.seeds) > 1)
    sampled = "" if facts.max_users is None else f", at most {facts.max_users:,} shoppers per question"
    text = Text()
    text.append(f"\n{facts.dataset}", style="bold")
    text.append(f"  {facts.n_users:,} shoppers, {facts.n_items:,} garments, {facts.n_events:,} events\n")
    text.append(
        f"{result.headline.upper()}, every candidate ranked, {splits}{sampled}; below each: 95 % interval\n",
        style="dim",
    )
    return text


def _table(result: Result, title: str, candidates: list[Question]) -> Table:
    """One row per method, one column per question; without columns when nothing was asked."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    asked = [q for q in candidates if figures(result, q, result.headline)]
    if not asked:
        return table
    columns = [figures(result, q, result.headline) for q in asked]
    table.add_column("method", no_wrap=True)
    for question in asked:
        table.add_column(_head(question), justify="right", min_width=11)
    leaders = [best(rows) for rows in columns]
    for method in result.facts.methods:
        cells = [
            _cell(rows.get(method), leads=method in leader, doubted=question.headline)
            for question, rows, leader in zip(asked, columns, leaders, strict=True)
        ]
        table.add_row(_name(method), *cells, style="dim" if method in BOUNDS else "")
    return table


def _head(question: Question) -> Text:
    named = _HEADS.get((question.protocol, question.view, question.path))
    if named is None and question.is_step:
        named = f"new,\nk = {question.k}"
    elif named is None:
        named = question.view.replace(" to ", "\nto ").replace("new ", "new\n", 1)
    return Text(named, style="bold" if question.headline else "not bold")


def _name(method: str) -> Text:
    bound = {"random": " (floor)", "oracle": " (ceiling)"}.get(method, "")
    return Text(method).append(bound, style="italic")


def _cell(row: Row | None, *, leads: bool, doubted: bool) -> Text:
    if row is None:
        return Text("-")
    text = Text(f"{row.value:.3f}", style="bold green" if leads else "")
    if row.suspect and doubted:
        text.append(" ?", style="bold yellow")
    if row.ci_low is not None and row.ci_high is not None:
        text.append(f"\n{row.ci_low:.3f}–{row.ci_high:.3f}", style="dim not bold")
    return text


def _stated(result: Result) -> Table:
    """A row per question and method that says how likely or how sure something is; without rows where none does."""
    table = Table(box=box.SIMPLE_HEAD, title="What methods say of their own scores", title_justify="left")
    table.title_style, table.pad_edge = "bold", False
    for head in ("method", "question"):
        table.add_column(head)
    for head in ("calibration\nerror", "90 % intervals\nthat hold"):
        table.add_column(head, justify="right")
    for question in questions(result):
        error, held = (figures(result, question, name) for name in (ECE, INTERVAL))
        for method in dict.fromkeys((*error, *held)):
            wrong = f"{error[method].value:.4f}" if method in error else "-"
            right = f"{held[method].value:.0%}" if method in held else "-"
            table.add_row(_name(method), f"{question.protocol}: {question.label}", wrong, right)
    return table


def _legend(result: Result) -> Text:
    text = Text("\n")
    text.append("bold green", style="bold green").append(" best method")
    if any(row.suspect for row in result.rows):
        text.append("   ")
        text.append("?", style="bold yellow").append(" suspect: not shown to beat random and popularity")
    for note in fallback_notes(result):
        text.append(f"\n{note}")
    return text.append("\n")


def _audit(result: Result) -> Table:
    """A line per protocol: leaks if any, else what is worth knowing."""
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.title, table.title_justify, table.title_style = "Leakage audit", "left", "bold"
    for name in (p for p in PROTOCOLS if p in result.facts.protocols):
        found = [f for f in result.findings if f.protocol == name]
        leaks = [f"{f.count:,} {f.check} (seed {f.seed})" for f in found if f.violation]
        verdict = ("LEAK: " + "; ".join(leaks), "bold red") if leaks else ("clear", "green")
        table.add_row(name, Text.assemble(verdict, ("".join(f"; {note}" for note in _worth_knowing(found)), "dim")))
    return table


def _worth_knowing(findings: list[Finding]) -> list[str]:
    notes = {
        "exact feature twins": "of the new garments look exactly like a known one",
        "future statistics": "of training is later than the first question",
    }
    shares: dict[str, list[float]] = {}
    for finding in findings:
        if finding.check in notes:
            shares.setdefault(finding.check, []).append(finding.share)
    return [f"{sum(s) / len(s):.0%} {notes[check]}" for check, s in shares.items()]
