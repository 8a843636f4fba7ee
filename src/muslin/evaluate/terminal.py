"""The result as a table in the terminal, or as a picture of one."""

import io
import re
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from muslin.evaluate.audit import Finding
from muslin.evaluate.protocol import PROTOCOLS
from muslin.evaluate.questions import Question, best, fallback_notes, figures, questions
from muslin.evaluate.result import BOUNDS, Result, Row

_WIDTH = 80
"""Columns of the picture."""

_HEADS = {
    ("item-cold", "within", "cold"): "among\nnew ones",
    ("item-cold", "full", "all"): "whole\ncatalogue",
    ("item-cold", "full", "cold"): "new ones\nin it",
    ("item-cold", "full", "hot"): "known ones\nin it",
    ("warm", "full", "hot"): "known\nshoppers",
}


def render(result: Result) -> RenderableType:
    """Tables per kind of newness, the legend, and what the audit found."""
    tables = [
        _table(result, "Garments nobody has bought (item-cold)", ["item-cold"]),
        _table(
            result, "Shoppers nobody has seen, after k items (user-cold), and known ones (warm)", ["user-cold", "warm"]
        ),
    ]
    shown: list[RenderableType] = [_heading(result)]
    shown += [table for table in tables if table.columns]
    return Group(*shown, _legend(result), _audit(result))


def save_svg(result: Result, path: Path) -> None:
    """Write a picture of the table that loads nothing from anywhere."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(render(result))
    picture = console.export_svg(title=f"muslin evaluate {result.facts.dataset}")
    path.write_text(re.sub(r"@font-face\s*\{[^}]*\}", "", picture), encoding="utf-8")


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


def _table(result: Result, title: str, protocols: list[str]) -> Table:
    """One row per method, one column per question; without columns when nothing was asked."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    asked = [q for name in protocols for q in questions(result, name) if figures(result, q, result.headline)]
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
    named = _HEADS.get((question.protocol, question.view, question.path), f"new,\n{question.label}")
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
