"""The result of a transfer as tables in the terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from muslin.survey.wording import plain
from muslin.transfer import wording
from muslin.transfer.matrix import Matrix
from muslin.transfer.result import FormRow, TransferResult


def render(result: TransferResult) -> RenderableType:
    """Forms by segment, the learning curve, what was carried, and the verdict."""
    parts: list[RenderableType] = [_heading(result), _forms(result)]
    if len(result.curve) > len(result.segments()):
        parts.append(_curve(result))
    if result.carried:
        parts.append(_carried(result))
    lines = [Text(line, style="yellow") for line in wording.negative(result)]
    style = "bold green" if result.verdict.helps else "bold"
    return Group(*parts, *lines, Text(f"\n{wording.verdict(result)}\n", style=style))


def _heading(result: TransferResult) -> Text:
    cuts = f"{result.seeds} cut" + "s" * (result.seeds > 1)
    names = [plain(name) for name in (result.dataset, result.source, result.target)]
    text = Text("\n{}  {} to {}\n".format(*names), style="bold")
    text.append(f"{result.way}\n", style="not bold")
    return text.append(f"NDCG@20, every garment of the target ranked, {cuts}; 95 % intervals\n", style="dim not bold")


def _forms(result: TransferResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("form")
    for name in result.segments():
        table.add_column(Text(wording.segment(result, name)), justify="right")
        table.add_column(f"gain over {wording.null(result, name)}", justify="right")
    by_form: dict[str, list[FormRow]] = {}
    for row in result.rows:
        by_form.setdefault(row.form, []).append(row)
    for form, rows in by_form.items():
        cells = [cell for row in rows for cell in (f"{row.value:.4f}", wording.gain_of(row))]
        chosen = form in (result.verdict.chosen, result.verdict.shipped)
        style = "bold green" if form == result.verdict.shipped else ("bold" if chosen else "")
        table.add_row(form, *cells, style="dim" if rows[0].kind == "beside" else style)
    return table


def _curve(result: TransferResult) -> Table:
    title = Text(f"With less of {plain(result.target)}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for head in ("shoppers", "events", "shoppers asked", "chosen"):
        table.add_column(head, justify="left" if head == "chosen" else "right")
    for head in ("without", "with", "gain"):
        table.add_column(head, justify="right")
    for point in result.curve:
        gain = point.gain
        cells = (f"{gain.null:.4f}", f"{gain.form:.4f}", wording.gain(gain))
        table.add_row(wording.share(point.share), f"{point.n_events:,}", gain.segment, point.form, *cells)
    return table


def _carried(result: TransferResult) -> Text:
    text = Text("carried: ", style="dim")
    listed = (f"{name} ({wording.part(*rows)})" for name, rows in result.carried.items())
    return text.append(", ".join(listed))


def gains(found: Matrix) -> RenderableType:
    """A row per source, a column per target: the best form's gain among shoppers new to the target, or known there."""
    head = "Gain of the chosen form over the target's own model (NDCG@20), from row to column"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=head, title_justify="left", title_style="bold")
    table.add_column("source")
    for name in found.domains:
        table.add_column(Text(plain(name)), justify="right")
    for source in found.domains:
        cells = [_cell(found.results.get((source, target))) for target in found.domains]
        table.add_row(Text(plain(source)), *cells)
    lines = [Text(f"{plain(a)} to {plain(b)}: {why}", style="dim") for (a, b), why in found.left_out.items()]
    return Group(table, *lines)


def _cell(result: TransferResult | None) -> Text:
    if result is None:
        return Text("-", style="dim")
    shown = result.verdict.gains[0]
    style = "bold green" if result.verdict.helps else "dim"
    return Text(f"{shown.gain:+.4f}\n[{shown.low:+.4f}, {shown.high:+.4f}]", style=style)
