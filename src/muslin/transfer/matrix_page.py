"""The gains between all pairs of domains as one HTML file: nothing is loaded from anywhere, nothing is run.

Rows of the chart teach, columns learn. A gain shown to be above zero is filled, one shown to be below is filled in the
colour of losses, and one of which neither is shown stays pale.
"""

from datetime import UTC, datetime
from importlib.resources import files

import altair as alt
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

import muslin
from muslin.drawing import ACCENT, INK, LINE, MUTED, name_room, svg
from muslin.survey.wording import plain
from muslin.transfer import wording
from muslin.transfer.matrix import Matrix

_CELL = (110, 56)
_PAPER, _BAD = "#010208", "#010207"
"""Colours that the page's own replace: of what stands on a filled cell, and of a loss."""


def render(found: Matrix) -> str:
    """The page as HTML. Everything that comes from data is escaped by the template."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(gain=wording.gain)
    source = files("muslin.transfer").joinpath("matrix.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        found=found,
        title=next(iter(found.results.values())).dataset,
        pairs=[(result, result.verdict.gains, wording.verdict(result)) for result in found.results.values()],
        chart=Markup(drawn(found)),  # noqa: S704 - drawn by us
        style=Markup(files("muslin").joinpath("page.css").read_text(encoding="utf-8")),  # noqa: S704 - ours
        version=muslin.__version__,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def drawn(found: Matrix) -> str:
    """The directed matrix as SVG: a cell for each pair that could be asked, of the first segment asked about."""
    values = [_cell(*pair, found) for pair in found.results]
    domains = [plain(name) for name in found.domains]
    room = alt.Axis(minExtent=name_room(max(map(len, domains))), labelLimit=400)
    across = alt.Axis(orient="top", labelAngle=0, labelLimit=_CELL[0])
    base = alt.Chart({"values": values}).encode(
        y=alt.Y("source:N", title="from", axis=room, scale=alt.Scale(domain=domains)),
        x=alt.X("target:N", title="to", axis=across, scale=alt.Scale(domain=domains)),
    )
    cells = base.mark_rect(strokeWidth=2, stroke=LINE, cornerRadius=4).encode(
        fill=alt.Fill("fill:N", scale=None), fillOpacity=alt.FillOpacity("strength:Q", scale=None)
    )
    gains = base.mark_text(fontSize=15, dy=-7).encode(text="gain:N", color=alt.Color("ink:N", scale=None))
    intervals = base.mark_text(fontSize=11, dy=10).encode(text="interval:N", color=alt.Color("small:N", scale=None))
    chart = alt.layer(cells, gains, intervals)
    size = {"width": _CELL[0] * len(domains), "height": _CELL[1] * len(domains)}
    return svg(chart, **size, colours={_PAPER: "--paper", _BAD: "--bad"})


def _cell(source: str, target: str, found: Matrix) -> dict[str, str | float]:
    gain = found.results[source, target].verdict.gains[0]
    filled = gain.shown or gain.negative
    return {
        "source": plain(source),
        "target": plain(target),
        "gain": f"{gain.gain:+.4f}",
        "interval": f"{gain.low:+.4f} to {gain.high:+.4f}",
        "fill": ACCENT if gain.shown else (_BAD if gain.negative else LINE),
        "strength": 1.0 if filled else 0.4,
        "ink": _PAPER if filled else INK,
        "small": _PAPER if filled else MUTED,
    }
