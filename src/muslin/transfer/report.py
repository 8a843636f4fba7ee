"""A transfer as one HTML file: nothing is loaded from anywhere, nothing is run.

Everything that comes from data (names of datasets and domains) is escaped by the template.
"""

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import altair as alt
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

import muslin
from muslin.drawing import ACCENT, INK, MUTED, name_room, svg
from muslin.transfer import wording
from muslin.transfer.result import FormRow, TransferResult

_WIDTH, _ROW = 420, 26


def write(result: TransferResult, path: Path) -> None:
    """Write the report to `path`."""
    path.write_text(render(result), encoding="utf-8")


def render(result: TransferResult) -> str:
    """The report as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(gain=wording.gain, gain_of=wording.gain_of, share=wording.share)
    source = files("muslin.transfer").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        result=result,
        style=Markup(files("muslin").joinpath("page.css").read_text(encoding="utf-8")),  # noqa: S704 - ours
        verdict=wording.verdict(result),
        negative=wording.negative(result),
        segments=[_segment(result, name) for name in result.segments()],
        carried=[(name, wording.part(*rows)) for name, rows in result.carried.items()],
        version=muslin.__version__,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _segment(result: TransferResult, name: str) -> dict[str, Any]:
    """One segment's rows, best first, and its charts."""
    rows = sorted((row for row in result.rows if row.segment == name), key=lambda row: -row.value)
    curve = [point for point in result.curve if point.gain.segment == name]
    return {
        "title": wording.segment(result, name),
        "null": wording.null(result, name),
        "rows": rows,
        "chart": Markup(forest(rows, result.verdict.shipped)),  # noqa: S704 - drawn by us
        "curve": curve,
        "curve_chart": Markup(learning(curve)) if len(curve) > 1 else None,  # noqa: S704 - drawn by us
    }


def forest(rows: list[FormRow], shipped: str) -> str:
    """Value and interval of each form; what is shipped stands out."""
    values = [
        {"form": r.form, "value": r.value, "low": r.low, "high": r.high, "colour": ACCENT if r.form == shipped else INK}
        for r in rows
    ]
    order = [row.form for row in rows]
    names = alt.Axis(minExtent=name_room(max(len(form) for form in order)), labelLimit=400)
    base = alt.Chart({"values": values}).encode(y=alt.Y("form:N", sort=order, title=None, axis=names))
    colour = alt.Color("colour:N", scale=None)
    x = alt.X("low:Q", title="NDCG@20", scale=alt.Scale(zero=True, nice=True))
    interval = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q", color=colour)
    point = base.mark_point(size=70, opacity=1, filled=True).encode(x="value:Q", color=colour)
    return svg(alt.layer(interval, point), width=_WIDTH, height=_ROW * len(rows), colours={})


def learning(points: list[Any]) -> str:
    """NDCG@20 with and without the source, over the share of the target's shoppers."""
    values = [
        {"share": 100 * p.share, "value": value, "line": line, "colour": colour}
        for p in points
        for line, value, colour in (("with", p.gain.form, ACCENT), ("without", p.gain.null, MUTED))
    ]
    shares = sorted({v["share"] for v in values})
    axis = alt.Axis(values=shares, labelExpr="datum.value + ' %'", grid=False)
    base = alt.Chart({"values": values}).encode(
        x=alt.X("share:Q", title="share of the target's shoppers", scale=alt.Scale(type="log"), axis=axis),
        y=alt.Y("value:Q", title="NDCG@20", scale=alt.Scale(zero=True)),
        color=alt.Color("colour:N", scale=None),
        detail="line:N",
    )
    last = max(shares)
    label = (
        base.transform_filter(alt.datum.share == last).mark_text(align="left", dx=8, fontSize=13).encode(text="line:N")
    )
    lines = alt.layer(base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=60), label)
    return svg(lines, width=_WIDTH, height=220, colours={})
