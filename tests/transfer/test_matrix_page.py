"""The drawn matrix: every direction in its place, what is shown filled, and nothing from data is ever markup."""

import re
from dataclasses import replace

import pytest

from muslin.transfer.guard import Gain, Verdict
from muslin.transfer.matrix import Matrix
from muslin.transfer.matrix_page import drawn, render


@pytest.fixture
def three(written) -> Matrix:
    """Three domains: a gain from a to b, a loss back, nothing shown from a to c, and the rest too small."""

    def result(source: str, target: str, value: float, low: float, high: float):
        gain = Gain("new", "popularity, target only", 0.2, 0.2 + value, value, low, high)
        shipped = "lambda inf" if low > 0 else "popularity, target only"
        verdict = Verdict("popularity, target only", "lambda inf", shipped, (gain,))
        return replace(written, source=source, target=target, verdict=verdict, dataset="a shop")

    results = {
        ("a", "b"): result("a", "b", 0.05, 0.01, 0.09),
        ("b", "a"): result("b", "a", -0.04, -0.06, -0.02),
        ("a", "c"): result("a", "c", 0.01, -0.01, 0.03),
    }
    return Matrix(("a", "b", "c"), results, {("c", "a"): "too few"})


def fills(chart: str) -> dict[str, str]:
    """Fill of each cell by the words Vega describes it with."""
    cells = re.findall(r'<path aria-label="([^"]*)"[^>]*fill="([^"]*)"', chart)
    return {" ".join(re.findall(r"(?:from|to): (\w)", label)): fill for label, fill in cells}


def test_each_direction_has_a_cell_filled_by_what_is_shown(three) -> None:
    found = {frozenset(k.split()) | {v} for k, v in fills(drawn(three)).items()}
    assert len(fills(drawn(three))) == 3
    assert {"var(--accent)", "var(--bad)", "var(--line)"} == {v for cell in found for v in cell if v.startswith("var")}


def test_the_directions_are_not_mixed_up(three) -> None:
    by_place = {}
    for label, fill in re.findall(r'<path aria-label="([^"]*)"[^>]*fill="([^"]*)"', drawn(three)):
        to, source = re.search(r"to: (\w)", label)[1], re.search(r"from: (\w)", label)[1]
        by_place[source, to] = fill
    assert by_place == {("a", "b"): "var(--accent)", ("b", "a"): "var(--bad)", ("a", "c"): "var(--line)"}


def test_the_page_says_every_pair_and_what_could_not_be_asked(three) -> None:
    page = render(three)
    for part in ("+0.0500 [+0.0100, +0.0900]", "-0.0400 [-0.0600, -0.0200]", "c to a: too few", "a shop"):
        assert part in page
    assert not re.findall(r"<(script|link|iframe|img)", page)
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_names_are_text(written) -> None:
    named = Matrix((written.source, "b"), {(written.source, "b"): written}, {("b", written.source): "<script>no"})
    page = render(named)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
