"""Curves over k as pictures that stand alone."""

import altair as alt
import vl_convert

from muslin.evaluate.questions import figures, leading, questions
from muslin.evaluate.result import Result, Row

_COLOURS = ("#8d8476", "#c8792b", "#8a5a9e", "#2f7a4f", "#b3476b", "#3b4a9e", "#2b8a99", "#6b6f3a")


def by_k(result: Result) -> dict[str, str]:
    """SVG of the headline metric over k by view, for every view of k-shot that was asked at several k.

    The references and the methods that are best on the whole, as many as there are colours.
    """
    found: dict[str, str] = {}
    for view in dict.fromkeys(q.view for q in questions(result) if q.protocol == "k-shot" and q.headline):
        asked = [q for q in questions(result, "k-shot") if q.view == view and q.headline]
        found_at = [figures(result, question, result.headline) for question in asked]
        series = {m: [rows[m] for rows in found_at if m in rows] for m in result.facts.methods}
        if len(asked) > 1:
            found[view] = _drawn([row for m in leading(series, len(_COLOURS)) for row in series[m]])
    return found


def _drawn(rows: list[Row]) -> str:
    values = [{"method": r.method, "k": r.k, "NDCG@20": r.value, "low": r.ci_low, "high": r.ci_high} for r in rows]
    methods = list(dict.fromkeys(r.method for r in rows))
    colour = alt.Color("method:N", title=None, scale=alt.Scale(domain=methods, range=list(_COLOURS)))
    base = alt.Chart({"values": values}).encode(x=alt.X("k:Q", axis=alt.Axis(grid=False, format="d")), color=colour)
    band = base.mark_area(opacity=0.08).encode(y=alt.Y("low:Q", title="NDCG@20"), y2="high:Q")
    line = base.mark_line(strokeWidth=2, point=True).encode(y="NDCG@20:Q")
    chart = alt.layer(band, line).properties(width=460, height=280, background="white")
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))
