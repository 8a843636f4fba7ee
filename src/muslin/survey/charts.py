"""Charts of a survey as inline SVG."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from muslin.drawing import ACCENT, INK, MUTED, name_room, svg
from muslin.survey.result import Column, Worth
from muslin.survey.wording import plain

_WARN = "#010207"
_NAME, _MOST, _ROW, _WIDTH = 34, 60, 22, 420


def coverage(columns: Sequence[Column]) -> str:
    """A bar per column: the share of rows with a value, in another colour where it is half or less."""
    shown = columns[:_MOST]
    labels = _labels([c.name for c in shown])
    values = [
        {"row": label, "share": c.coverage, "colour": ACCENT if c.coverage > 0.5 else _WARN}
        for label, c in zip(labels, shown, strict=True)
    ]
    x = alt.X("share:Q", title=None, stack=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    bar = alt.Chart({"values": values}).mark_bar(height=13, cornerRadiusEnd=2)
    return _svg(bar.encode(x=x, y=_rows(labels), color=alt.Color("colour:N", scale=None)), len(shown))


def worth(features: Sequence[Worth]) -> str:
    """Drop and interval of each feature, the largest first; in another colour where the interval reaches zero."""
    shown = sorted(features, key=lambda w: -w.drop)[:_MOST]
    labels = _labels([w.feature for w in shown])
    values = [
        {"row": label, "drop": w.drop, "low": w.low, "high": w.high, "colour": ACCENT if w.low > 0 else MUTED}
        for label, w in zip(labels, shown, strict=True)
    ]
    base = alt.Chart({"values": values}).encode(y=_rows(labels))
    colour = alt.Color("colour:N", scale=None)
    x = alt.X("low:Q", title="NDCG@20 lost without it", scale=alt.Scale(zero=True))
    interval = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q", color=colour)
    bar = base.mark_bar(height=10, opacity=0.35).encode(x="drop:Q", color=colour)
    zero = alt.Chart({"values": [{"zero": 0}]}).mark_rule(color=INK).encode(x="zero:Q")
    return _svg(alt.layer(bar, interval, zero), len(shown))


def _labels(names: Sequence[str]) -> list[str]:
    """Names in short, those that became equal told apart by a number."""
    met: dict[str, int] = {}
    labels = []
    for name in (plain(n, _NAME) for n in names):
        met[name] = met.get(name, 0) + 1
        labels.append(name if met[name] == 1 else f"{name} ({met[name]})")
    return labels


def _rows(labels: Sequence[str]) -> alt.Y:
    """An axis of rows in the order given, with room for their names."""
    room = name_room(max(map(_columns, labels), default=0))
    axis = alt.Axis(minExtent=room, labelLimit=600, labelPadding=7, ticks=False)
    return alt.Y("row:N", title=None, sort=list(labels), axis=axis)


def _columns(name: str) -> int:
    """Width in halves of a Chinese character."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in name)


def _svg(chart: Any, rows: int) -> str:
    return svg(chart, width=_WIDTH, height=_ROW * max(rows, 1), colours={_WARN: "--warn"})
