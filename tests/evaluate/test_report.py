import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from muslin.evaluate import charts
from muslin.evaluate.finding import Finding
from muslin.evaluate.questions import best, questions
from muslin.evaluate.report import metric_name, render
from muslin.evaluate.result import Comparison, Facts, Result, Row

VOID = {"meta", "link", "br", "img", "hr", "input"}
VALUES = {"random": 0.05, "popularity": 0.06, "content_knn": 0.12, "two_tower": 0.2, "ials": 0.055, "oracle": 0.5}


def made(name: str = "a shop") -> Result:
    """A result as an evaluation would give it, written by hand."""
    asked = [
        ("item-cold", "within", "cold", 0),
        ("item-cold", "full", "all", 0),
        ("user-cold", "full", "cold", 0),
        ("user-cold", "full", "warming", 3),
        ("warm", "full", "hot", None),
    ]
    rows = [
        Row(
            protocol=protocol,
            dataset=name,
            domain="all",
            view=view,
            method=method,
            path=path,
            k=k,
            metric=metric,
            value=value,
            ci_low=None if metric == "coverage@20" else value * 0.9,
            ci_high=None if metric == "coverage@20" else value * 1.1,
            n_users=1234,
            n_items=56,
            seeds=3,
            fit_cpu_s=1.5,
            suspect=method == "ials",
        )
        for protocol, view, path, k in asked
        for metric in ("ndcg@20", "recall@20", "coverage@20")
        for method, value in VALUES.items()
    ]
    difference = Comparison(
        protocol="item-cold",
        view="within",
        path="cold",
        k=0,
        metric="ndcg@20",
        best="two_tower",
        other="content_knn",
        value=0.08,
        ci_low=0.07,
        ci_high=0.09,
        p=0.0004,
    )
    findings = (
        Finding("item-cold", 0, "families across the cut", 0, 40, False, "a sibling was learned"),
        Finding("item-cold", 0, "exact feature twins", 10, 40, False, "same features"),
        Finding("warm", 0, "future statistics", 80, 100, False, "later"),
    )
    facts = Facts(
        dataset=name,
        n_users=5000,
        n_items=2000,
        n_events=80000,
        methods=tuple(VALUES),
        protocols=("item-cold", "user-cold", "warm"),
        seeds=(0, 1, 2),
        ks=(0, 3),
        max_users=None,
        cutoff=20,
        fallback={"user-cold k = 0": {"content_knn": 1.0, "ials": 1.0, "two_tower": 0.25}},
        versions={"muslin": "1.2.3", "python": "3.11"},
    )
    return Result(tuple(rows), (difference,), findings, facts)


class Elements(HTMLParser):
    """What a browser would fetch or run, and whether tags close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def shown(result: Result, width: int = 80) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        result.print(console)
        return console.export_text()


@pytest.fixture(scope="module")
def page() -> str:
    return render(made())


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    parsed = Elements(page)
    assert not parsed.opened
    assert not {"script", "link", "img", "iframe", "object", "embed"} & {tag for tag, _ in parsed.found}
    for _, attributes in parsed.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "xlink:href")]
    assert "url(" not in page
    assert "@import" not in page
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_the_page_shows_every_method_figure_and_finding(page: str) -> None:
    for method in VALUES:
        assert f'<th scope="row">{method}</th>' in page
    assert "0.200<small>0.180–0.220</small>" in page
    assert "1,234 shoppers asked" in page
    assert "exact feature twins" in page
    assert "25.0%" in page
    assert "&lt; 0.001" in page
    assert "seeds 0, 1, 2" in page
    assert "muslin 1.2.3" in page
    assert "user-cold k = 0: shoppers of whom a method knows nothing get popularity" in page
    assert "(content_knn, ials: 100%; two_tower: 25%)" in page
    assert "ials (k = 0, 3)" in page
    assert "The audit found leaks" not in page


def test_a_leak_is_said_first() -> None:
    leak = Finding("warm", 1, "asked pairs in training", 7, 100, True, "the answer was learned")
    result = replace(made(), findings=(leak,))
    assert "The audit found leaks" in render(result)
    assert "LEAK: 7 asked pairs in training (seed 1)" in " ".join(shown(result).split())


def test_names_from_data_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script>&\"'"
    result = made(evil)
    renamed = {"two_tower": evil}
    rows = tuple(replace(row, method=renamed.get(row.method, row.method)) for row in result.rows)
    methods = tuple(renamed.get(m, m) for m in result.facts.methods)
    page = render(replace(result, rows=rows, facts=replace(result.facts, methods=methods)))
    assert "script" not in {tag for tag, _ in Elements(page).found}
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_light_and_dark_share_the_charts(page: str) -> None:
    assert "prefers-color-scheme: dark" in page
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    used = set(re.findall(r"var\((--[\w-]+)\)", page))
    assert "var(--ink)" in drawn
    assert "var(--accent)" in drawn
    # No drawing colour is left unreplaced, and every variable has a light and a dark value.
    assert not re.search(r"#0102", drawn, flags=re.IGNORECASE)
    assert all(page.count(f"{variable}:") == 2 for variable in used)


def test_the_page_is_as_wide_as_its_screen(page: str) -> None:
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    for root in re.findall(r"<svg[^>]*>", page):
        assert "viewBox=" in root
        assert not re.search(r"\swidth=|\sheight=", root)


def test_the_forest_marks_the_best_and_hollows_the_suspect() -> None:
    result = made()
    rows = {row.method: row for row in result.find("ndcg@20", "item-cold", "within", "cold", 0)}
    drawing = charts.forest(rows)
    assert drawing.count('fill="var(--card)"') == 1
    assert 'fill="var(--accent)"' in drawing
    assert ">oracle<" in drawing
    assert ">random<" in drawing


def test_one_k_draws_no_curve() -> None:
    result = made()
    rows = tuple(row for row in result.rows if row.k != 3)
    assert "as events are revealed" in render(result)
    assert "as events are revealed" not in render(replace(result, rows=rows, facts=replace(result.facts, ks=(0,))))


def test_the_terminal_fits_80_columns_and_says_what_matters() -> None:
    text = shown(made())
    assert max(map(len, text.splitlines())) <= 80
    for said in (
        "random (floor)",
        "oracle (ceiling)",
        "two_tower",
        "0.200",
        "0.180–0.220",
        "0.055 ?",
        "suspect",
        "clear",
    ):
        assert said in text
    assert "25% of the new garments look exactly like a known one" in " ".join(text.split())


def test_a_result_of_one_protocol_shows_one_table() -> None:
    result = made()
    rows = tuple(row for row in result.rows if row.protocol == "warm")
    text = shown(replace(result, rows=rows, facts=replace(result.facts, protocols=("warm",))))
    assert "nobody has bought" not in text
    assert "known" in text


def test_the_picture_of_the_table_loads_nothing(tmp_path: Path) -> None:
    made().save_svg(tmp_path / "table.svg")
    picture = (tmp_path / "table.svg").read_text(encoding="utf-8")
    assert "two_tower" in picture
    assert "@font-face" not in picture
    assert "url(http" not in picture


def test_the_report_is_written_where_asked(tmp_path: Path) -> None:
    made().to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_headline_questions_come_first_in_their_protocol() -> None:
    asked = questions(made())
    assert [q.protocol for q in asked] == ["item-cold", "item-cold", "user-cold", "user-cold", "warm"]
    assert [q.headline for q in asked] == [True, False, True, True, True]
    assert questions(made(), "warm") == asked[-1:]


def test_best_leaves_out_bounds_and_names_all_who_share_the_top() -> None:
    rows = {row.method: row for row in made().find("ndcg@20", "warm", "full", "hot", None)}
    assert best(rows) == ("two_tower",)
    tied = {**rows, "ials": replace(rows["ials"], value=0.2)}
    assert best(tied) == ("two_tower", "ials")
    assert best({m: replace(row, value=0.0) for m, row in rows.items()}) == ()
    assert best({m: replace(row, value=0.3) for m, row in rows.items()}) == ()
    assert best({"popularity": rows["popularity"]}) == ("popularity",)


def test_metrics_are_written_as_people_write_them() -> None:
    assert [metric_name(m) for m in ("ndcg@20", "mrr", "mdg@20", "recall@20")] == [
        "NDCG@20",
        "MRR",
        "MDG@20",
        "Recall@20",
    ]
