"""The page: self-contained, and nothing from data is ever markup."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from muslin.transfer.report import render
from muslin.transfer.result import CurvePoint


class Elements(HTMLParser):
    """Start tags with their attributes, and the text between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.opened: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img"):
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_loads_nothing_and_runs_nothing(written) -> None:
    page = render(written)
    parsed = Elements(page)
    assert not parsed.opened
    assert not {"script", "link", "iframe", "object", "embed", "img"} & {tag for tag, _ in parsed.found}
    for _, attributes in parsed.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("href", "xlink:href", "src")]
    assert "url(" not in page
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_names_are_text(written) -> None:
    page = render(written)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5
    assert Elements(page).text.count("<script>alert('x')</script>") >= 5


def test_the_page_says_what_was_found(written) -> None:
    text = " ".join(Elements(render(written)).text.split())
    for part in (
        "Ship 'lambda inf': shown to beat 'popularity, target only'",
        "1,200 shoppers in both",
        "2 cuts",
        "120 shoppers asked",
        "Negative transfer: 'source, frozen' loses 0.0400",
        "+0.0500 [+0.0100, +0.0900]",
        "0.1500 to 0.3500",
        "3 of 1,234 rows",
        "the target's own",
        "1 %",
    ):
        assert part in text


def test_rows_are_best_first_and_the_null_has_no_gain(written) -> None:
    page = render(written)
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    forms = re.findall(r'<th scope="row">(.*?)</th>', table)
    assert forms[0] == "lambda inf"
    assert table.count("[+0.0000") == 0


def test_charts_follow_the_page_in_light_and_dark(written) -> None:
    page = render(written)
    drawn = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawn) == 2
    assert all("var(--accent)" in chart for chart in drawn)
    used = set(re.findall(r"var\((--[\w-]+)\)", page))
    assert all(page.count(f"{variable}:") == 2 for variable in used)


def test_one_share_draws_no_curve(written) -> None:
    (point, _) = written.curve
    page = render(replace(written, curve=(point,)))
    assert len(re.findall("<svg", page)) == 1
    assert len(re.findall("<svg", render(replace(written, curve=())))) == 1


def test_every_segment_has_a_section_and_its_own_null(found) -> None:
    text = " ".join(Elements(render(found)).text.split())
    assert "Shoppers new to apparel, known in accessories" in text
    assert "Shoppers known in apparel" in text
    for segment in found.segments():
        over = next(row.gain.over for row in found.rows if row.segment == segment)
        assert f"gain over {over}" in text
    assert isinstance(found.curve[0], CurvePoint)


def test_the_report_is_written_where_asked(written, tmp_path) -> None:
    written.to_html(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
