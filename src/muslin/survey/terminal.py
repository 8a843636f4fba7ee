"""The survey as tables in the terminal."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from muslin.survey.result import ColdView, Column, Duplicates, Missing, Pictures, Survey, Worths
from muslin.survey.wording import holds, percent, plain

_NAME = 28
"""Characters of a column's name that are shown."""


def render(survey: Survey) -> RenderableType:
    """All sections that have something to say."""
    return Group(*_sections(survey))


def _sections(survey: Survey) -> Iterator[RenderableType]:
    yield _heading(survey)
    if survey.items:
        yield _columns("What garments are described by", survey.items)
    if survey.users:
        yield _columns("What is known of shoppers", survey.users)
    if survey.missing.combinations:
        yield _missing(survey.missing)
    if survey.cold is not None and survey.cold.columns:
        yield _cold(survey.cold)
    if survey.pictures is not None:
        yield _pictures(survey.pictures, survey.duplicates)
    if survey.worth is not None:
        yield _worth(survey.worth)


def _heading(survey: Survey) -> Text:
    o = survey.overview
    text = Text().append(f"\n{plain(survey.dataset)}", style="bold")
    text.append(f"  {o.items:,} garments in {o.families:,} families, {o.users:,} shoppers, {o.events:,} events\n")
    text.append(f"{o.cold_items:,} garments and {o.cold_users:,} shoppers have no event that shows a liking; ")
    text.append(f"of {o.blank_users:,} shoppers no profile is known\n")
    if len(o.domains) > 1:
        text.append("domains: " + ", ".join(f"{name} {count:,}" for name, count in o.domains) + "\n", style="dim")
    return text


def _columns(title: str, columns: Sequence[Column]) -> Table:
    table = _table(title, ("column", "kind"), ("has value", "values", "met once"))
    table.add_column("what it holds", overflow="fold")
    for column in columns:
        distinct = "" if column.distinct is None else f"{column.distinct:,}"
        once = "" if column.once is None else percent(column.once)
        style = "" if column.coverage > 0.5 else "yellow"
        said = Text(holds(column))
        if _differs(column):
            said.append("; " * bool(said) + "has value: ", style="dim")
            said.append(", ".join(f"{p.domain} {percent(p.coverage)}" for p in column.parts[:4]), style="dim")
        has = Text(percent(column.coverage), style=style)
        table.add_row(Text(plain(column.name, _NAME)), column.kind, has, distinct, once, said)
    return table


def _differs(column: Column) -> bool:
    """Whether domains have so different coverages that it is worth a line."""
    coverages = [part.coverage for part in column.parts]
    return bool(coverages) and max(coverages) - min(coverages) >= 0.05


def _missing(missing: Missing) -> Table:
    table = _table("What garments have", missing.modalities, ("garments", "share", "of them cold"))
    for row in missing.combinations:
        marks = [Text("yes", style="green") if has else Text("-", style="dim") for has in row.has]
        table.add_row(*marks, f"{row.items:,}", percent(row.share), f"{row.cold:,}")
    return table


def _cold(view: ColdView) -> Table:
    table = _table(basis(view), ("column",), ("known ones\nhave value", "cold ones\nhave value"))
    for name in ("nothing\nknown of it", "in part\nunknown"):
        table.add_column(name, justify="right")
    table.add_column("new values", overflow="fold")
    for c in view.columns:
        style = "bold yellow" if c.unseen >= 0.1 else ""
        some = Text("" if not c.new_values else f"{c.new_values:,}: " + ", ".join(plain(e, 20) for e in c.examples[:3]))
        has = percent(c.train_coverage), percent(c.cold_coverage)
        table.add_row(Text(plain(c.name, _NAME)), *has, Text(percent(c.unseen), style=style), percent(c.partly), some)
    return table


def basis(view: ColdView) -> str:
    """Which garments are the cold ones of `view`, as a title."""
    what = "without events" if view.basis == "no_events" else "of families held out"
    return f"What is new about {view.cold:,} garments {what}, to {view.trained:,} others"


def _pictures(pictures: Pictures, found: Duplicates | None) -> Text:
    text = Text().append("Pictures\n", style="bold").append(f"{pictures.items:,} garments have one")
    for what, counts in (("refused on import", pictures.refused), ("unusable", pictures.unreadable or {})):
        if counts:
            text.append(f"; {what}: " + ", ".join(f"{plain(code)} {n:,}" for code, n in counts.items()))
    if found is not None:
        text.append(f"\n{found.pictures:,} pictures are near-duplicates of another, in {found.groups:,} groups (")
        text.append(f"in {found.same_file_groups:,} all are one file)\n")
        style = "bold yellow" if found.crossing else "green"
        text.append(f"{found.crossing:,} of the groups reach across families", style=style)
        if found.crossing:
            text.append(f" ({found.crossing_pictures:,} pictures): these leak into cold evaluations")
    return text.append("\n")


def _worth(worths: Worths) -> Group:
    whole = worths.whole
    title = f"What each feature is worth to {worths.method} for new garments"
    table = _table(title, ("without",), ("NDCG@20", "drop", "95 % interval", "p"))
    for w in sorted(worths.features, key=lambda w: -w.drop):
        style = "bold green" if w.low > 0 else "yellow" if w.high < 0 else ""
        cells = f"{w.without:.4f}", Text(f"{w.drop:+.4f}", style=style), f"{w.low:+.4f} to {w.high:+.4f}", p_value(w.p)
        table.add_row(Text(plain(w.feature, _NAME)), *cells)
    splits = f"{worths.splits} split" + "s" * (worths.splits > 1)
    said = f"all features: {whole.value:.4f} ({whole.low:.4f}–{whole.high:.4f}), {splits}\n"
    return Group(table, Text(said, style="dim"))


def p_value(p: float) -> str:
    """Three decimals, or that it is below them."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right")
    return table
