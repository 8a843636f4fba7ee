"""Charts of a result as inline SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from muslin.drawing import ACCENT, INK, MUTED, name_room, svg
from muslin.evaluate.questions import best
from muslin.evaluate.result import BOUNDS, Row

_CARD = "#010207"
SERIES = tuple(f"--series-{n}" for n in range(8))
"""Colours of lines; more methods than that repeat them."""

_WIDTH, _ROW = 215, 27


def forest(rows: dict[str, Row]) -> str:
    """Value and interval of each method; the bounds as dashed lines; suspects hollow."""
    leaders = best(rows)
    entrants = [row for method, row in rows.items() if method not in BOUNDS]
    bounds = [{"value": row.value, "name": method} for method, row in rows.items() if method in BOUNDS]
    values = [
        {
            "method": row.method,
            "value": row.value,
            "low": row.value if row.ci_low is None else row.ci_low,
            "high": row.value if row.ci_high is None else row.ci_high,
            "colour": ACCENT if row.method in leaders else INK,
            "fill": _CARD if row.suspect else (ACCENT if row.method in leaders else INK),
        }
        for row in entrants
    ]
    order = [row.method for row in sorted(entrants, key=lambda row: -row.value)]
    names = alt.Axis(minExtent=name_room(max(len(m) for m in order)), labelLimit=400)
    base = alt.Chart({"values": values}).encode(y=alt.Y("method:N", sort=order, title=None, axis=names))
    colour = alt.Color("colour:N", scale=None)
    x = alt.X("low:Q", title=None, scale=alt.Scale(zero=True, nice=True))
    interval = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q", color=colour)
    point = base.mark_point(size=70, opacity=1, strokeWidth=2).encode(
        x="value:Q", stroke=colour, fill=alt.Fill("fill:N", scale=None)
    )
    return _svg(alt.layer(*_bound_lines(bounds), interval, point), height=_ROW * len(entrants))


def curve(series: Mapping[str, Sequence[Row]]) -> str:
    """Value over k of each method with its interval; colours in the order of the methods."""
    colours = {method: _token(n) for n, method in enumerate(series)}
    values = [
        {"method": method, "k": row.k, "value": row.value, "low": row.ci_low, "high": row.ci_high}
        for method, rows in series.items()
        for row in rows
    ]
    ks = sorted({row.k for rows in series.values() for row in rows if row.k is not None})
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    base = alt.Chart({"values": values}).encode(
        x=alt.X("k:Q", title="items revealed (k)", axis=alt.Axis(values=ks, format="d", grid=False)),
        color=alt.Color("method:N", scale=scale, legend=None),
    )
    band = base.mark_area(opacity=0.1).encode(
        y=alt.Y("low:Q", title=None, scale=alt.Scale(zero=True)), y2="high:Q", fill=alt.Fill("method:N", scale=scale)
    )
    line = base.mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=45, filled=True, opacity=1)).encode(
        y="value:Q"
    )
    return _svg(alt.layer(band.encode(color=alt.value("transparent")), line), height=230, width=330)


def trade(series: Mapping[str, Sequence[tuple[Row, Row]]]) -> str:
    """New garments' figure over known ones', a line per method: (known, new) rows in the order of the offsets."""
    colours = {method: _token(n) for n, method in enumerate(series)}
    values = [
        {"method": method, "known": known.value, "new": new.value, "step": step}
        for method, points in series.items()
        for step, (known, new) in enumerate(points)
    ]
    base = alt.Chart({"values": values}).encode(
        x=alt.X("known:Q", title="known garments", scale=alt.Scale(zero=True), axis=alt.Axis(grid=False)),
        y=alt.Y("new:Q", title="new garments", scale=alt.Scale(zero=True)),
        order="step:Q",
        color=alt.Color("method:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None),
    )
    line = base.mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=45, filled=True, opacity=1))
    return _svg(line, height=230, width=330)


def _bound_lines(bounds: list[dict[str, Any]]) -> list[alt.Chart]:
    base = alt.Chart({"values": bounds})
    line = base.mark_rule(strokeDash=[3, 3], color=MUTED).encode(x="value:Q")
    name = base.mark_text(baseline="bottom", dy=-4, fontSize=12, color=MUTED).encode(
        x="value:Q", y=alt.value(0), text="name:N"
    )
    return [line, name]


def _token(n: int) -> str:
    return f"#0102{16 + n % len(SERIES):02x}"


def _svg(chart: Any, *, height: int, width: int = _WIDTH) -> str:
    series = {_token(n): name for n, name in enumerate(SERIES)}
    return svg(chart, width=width, height=height, colours={_CARD: "--card", **series})
