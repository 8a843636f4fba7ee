"""The page and the terminal, on figures written by hand and on a hostile shop."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from rich.console import Console

from muslin.recipes.features import survey
from muslin.survey import charts
from muslin.survey.report import render
from muslin.survey.result import Duplicates, Example, Pictures, Shown, Survey, Whole, Worth, Worths

PIXEL = "/9j/4AAQ"


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


def shown(found: Survey, width: int = 100) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        found.print(console)
        return console.export_text()


@pytest.fixture
def full(hostile) -> Survey:
    """The hostile shop with every section there can be."""
    evil = hostile.schema.name
    garments = (Shown("i0", "a", evil), Shown("i4", "c", "second"))
    alike = Duplicates(100, 3, 7, 1, 2, 5, 1, (Example(2, 2, True, garments),))
    worths = Worths(
        "two_tower",
        3,
        Whole(0.25, 0.2, 0.3),
        (Worth("brand", 0.24, 0.01, -0.01, 0.03, 0.2), Worth(evil, 0.2, 0.05, 0.02, 0.08, 0.0004)),
    )
    return replace(
        survey(hostile),
        pictures=Pictures(4, {"truncated": 3}, {"not_a_picture": 2}),
        duplicates=alike,
        worth=worths,
        thumbnails={"i0": PIXEL},
    )


def test_the_page_loads_nothing_and_runs_nothing(full) -> None:
    page = render(full)
    parsed = Elements(page)
    assert not parsed.opened
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in parsed.found}
    for _, attributes in parsed.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("href", "xlink:href")]
    sources = [attributes["src"] for tag, attributes in parsed.found if "src" in attributes]
    assert sources == [f"data:image/jpeg;base64,{PIXEL}"]
    assert "url(" not in page
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_names_values_and_titles_are_text(full, hostile) -> None:
    page = render(full)
    assert "<script" not in page
    assert "onerror=alert(1)>" not in page
    assert Elements(page).text.count(hostile.schema.name) >= 5
    assert "\x1b" not in page


def test_long_values_are_cut_everywhere(full) -> None:
    for said in (render(full), shown(full), json.dumps(full.to_builtins())):
        assert "y" * 100 not in said
    assert len(json.dumps(full.to_builtins())) < 20_000
    assert len(render(full)) < 120_000


def test_the_page_says_what_was_found(full) -> None:
    text = " ".join(Elements(render(full)).text.split())
    assert "3 groups of near-duplicates hold 7 pictures; in 1 of them all are one file." in text
    assert "2 of them (5 pictures) reach across families; 1 have one file" in text
    assert "Refused on import: truncated 3." in text
    assert "Stored but unusable: not_a_picture 2." in text
    assert "NDCG@20 0.250 (0.200–0.300)" in text
    assert "< 0.001" in text
    assert "2 garments without events, to 4 others" in text


def test_sections_without_anything_to_say_are_left_out(full) -> None:
    page = render(replace(full, pictures=None, duplicates=None, worth=None, cold=None))
    assert 'id="pictures"' not in page
    assert 'id="unseen"' not in page
    assert "muslin features DATASET --worth" in page


def test_light_and_dark_share_the_charts(full) -> None:
    page = render(full)
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--accent)" in drawn
    assert "var(--warn)" in drawn
    assert not re.search(r"#0102", drawn, flags=re.IGNORECASE)
    for root in re.findall(r"<svg[^>]*>", page):
        assert "viewBox=" in root
        assert not re.search(r"\swidth=|\sheight=", root)
    used = set(re.findall(r"var\((--[\w-]+)\)", page))
    assert all(page.count(f"{variable}:") == 2 for variable in used)


def test_the_palette_is_that_of_the_evaluation_report() -> None:
    def palette(room: str, file: str) -> dict[str, list[str]]:
        source = files(room).joinpath(file).read_text(encoding="utf-8")
        found: dict[str, list[str]] = {}
        for name, colour in re.findall(r"(--[\w-]+): (#\w+);", source):
            found.setdefault(name, []).append(colour)
        return found

    ours, theirs = palette("muslin", "page.css"), palette("muslin.evaluate", "report.html.j2")
    assert ours
    assert {name: theirs.get(name) for name in ours} == ours


def test_charts_keep_names_that_were_cut_apart(full) -> None:
    columns = [replace(full.items[0], name="n" * 50 + end) for end in "ab"]
    drawing = charts.coverage(columns)
    assert "…<" in drawing
    assert "(2)<" in drawing


def test_the_terminal_says_what_matters(full) -> None:
    said = " ".join(shown(full).split())
    for part in (
        "6 garments in 3 families, 3 shoppers, 4 events",
        "2 garments and 1 shoppers have no event",
        "of 2 shoppers no profile is known",
        "2 of the groups reach across families (5 pictures)",
        "refused on import: truncated 3",
        "+0.0500",
        "all features: 0.2500",
    ):
        assert part in said
    assert "\x1b" not in said


def test_the_worth_of_features_is_sorted(full) -> None:
    text = shown(full)
    assert text.index("+0.0500") < text.index("+0.0100")


def test_markup_of_the_terminal_is_not_read(full) -> None:
    named = replace(full, dataset="[bold red]x[/]", items=(replace(full.items[0], name="[red]c[/red]"),))
    assert "[bold red]x[/]" in shown(named)
    assert "[red]c[/red]" in shown(named)


def test_an_empty_catalogue_has_a_page(empty) -> None:
    found = survey(empty)
    assert "0 garments" in render(found)
    assert "0 garments" in shown(found)
    json.dumps(found.to_builtins(), allow_nan=False)


def test_json_holds_everything_but_the_thumbnails(full) -> None:
    whole = full.to_builtins()
    assert "thumbnails" not in whole
    assert whole["duplicates"]["crossing"] == 2
    assert whole["worth"]["whole"] == {"value": 0.25, "low": 0.2, "high": 0.3}
    assert PIXEL not in json.dumps(whole, allow_nan=False)


def test_the_report_is_written_where_asked(full, tmp_path) -> None:
    full.to_html(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
