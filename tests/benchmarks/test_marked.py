"""What a benchmark writes into a page."""

import pytest
from benchmarks.marked import replaced

PAGE = "above\n<!-- a -->\nold\n<!-- end -->\nbetween\n<!-- b -->\nkept\n<!-- end -->\nbelow\n"


def test_only_what_stands_between_its_marks_is_written() -> None:
    found = replaced(PAGE, "<!-- a -->\n", "<!-- end -->", "new \\1\n")
    assert found == PAGE.replace("old\n", "new \\1\n")
    assert replaced(found, "<!-- a -->\n", "<!-- end -->", "old\n") == PAGE


@pytest.mark.parametrize(("page", "lost"), [("<!-- end -->", "<!-- a -->"), ("<!-- a -->\ntext", "<!-- end -->")])
def test_a_page_without_a_mark_is_left_alone(page: str, lost: str) -> None:
    with pytest.raises(ValueError, match=lost):
        replaced(page, "<!-- a -->\n", "<!-- end -->", "new")
