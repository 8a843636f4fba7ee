"""From a Vega chart to inline SVG that follows its page: drawn once, coloured by the page's own palettes."""

import re
from collections.abc import Mapping
from typing import Any

import vl_convert

# Vega knows no CSS variables: it draws in these colours, which nothing else has, and the page's names replace them.
INK, MUTED, LINE, ACCENT = "#010203", "#010204", "#010205", "#010206"
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", ACCENT: "--accent"}

_CONFIG: dict[str, Any] = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "titleColor": MUTED,
        "labelFontSize": 13,
        "titleFontSize": 13,
        "titleFontWeight": 400,
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
    },
    "axisX": {"tickCount": 5, "labelColor": MUTED},
    "axisY": {"tickCount": 5},
}


def name_room(columns: float) -> float:
    """Pixels that a name of `columns` letters needs in the widest font a page may bring: Vega measures another one."""
    return 7.6 * columns + 8


def svg(chart: Any, *, width: int, height: int, colours: Mapping[str, str]) -> str:
    """Self-contained SVG of an Altair `chart` of that many pixels, which fills its column up to a fifth more.

    `colours`: more colours to replace, such as `#010207`, by the name of the page's variable.
    """
    spec = chart.properties(width=width, height=height, background="transparent").to_dict()
    drawn: str = vl_convert.vegalite_to_svg({**spec, "config": _CONFIG})
    for colour, variable in {**_VARIABLES, **colours}.items():
        drawn = re.sub(colour, f"var({variable})", drawn, flags=re.IGNORECASE)
    head, rest = drawn.split(">", 1)
    natural = re.search(r'\bwidth="([\d.]+)"', head)
    head = re.sub(r'\s(width|height)="[\d.]+"', "", head)
    limit = f' style="max-width:{1.2 * float(natural.group(1)):.0f}px"' if natural else ""
    return f'{head} role="img"{limit}>{rest}'
