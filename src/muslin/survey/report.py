"""The survey as one HTML file: nothing is loaded from anywhere, nothing is run.

Everything that comes from data (names of datasets and columns, values, titles) is escaped by the template.
"""

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

import muslin
from muslin.survey import charts
from muslin.survey.result import Column, Survey
from muslin.survey.terminal import basis, p_value
from muslin.survey.wording import holds, number, percent, plain


def write(survey: Survey, path: Path) -> None:
    """Write the report to `path`."""
    path.write_text(render(survey), encoding="utf-8")


def render(survey: Survey) -> str:
    """The report as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(percent=percent, number=number, plain=plain, p=p_value, holds=holds)
    source = files("muslin.survey").joinpath("report.html.j2").read_text(encoding="utf-8")
    worth = survey.worth
    return environment.from_string(source).render(
        survey=survey,
        style=Markup(files("muslin").joinpath("page.css").read_text(encoding="utf-8")),  # noqa: S704 - ours
        tables=[table for table in (_table(*found) for found in _found(survey)) if table["columns"]],
        basis=basis(survey.cold) if survey.cold is not None else "",
        worth_chart=Markup(charts.worth(worth.features)) if worth is not None and worth.features else None,  # noqa: S704
        features=sorted(worth.features, key=lambda w: -w.drop) if worth is not None else [],
        version=muslin.__version__,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _found(survey: Survey) -> tuple[tuple[str, str, str, tuple[Column, ...]], ...]:
    garments = "What a method can know of a garment nobody has clicked."
    shoppers = "What a method can know of a shopper before their first click."
    return (
        ("items", "Garments", garments, survey.items),
        ("users", "Shoppers", shoppers, survey.users),
    )


def _table(name: str, title: str, lead: str, columns: tuple[Column, ...]) -> dict[str, object]:
    """One side's columns with their chart; `domains` where coverage is told by domain."""
    parts = next((column.parts for column in columns if column.parts), ())
    return {
        "name": name,
        "title": title,
        "lead": lead,
        "columns": columns,
        "chart": Markup(charts.coverage(columns)) if columns else None,  # noqa: S704 - drawn by us
        "domains": [part.domain for part in parts],
    }
