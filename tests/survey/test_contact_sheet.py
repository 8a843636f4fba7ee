"""The contact sheet shows what it is told, escaped, and loads nothing."""

from dataclasses import replace
from html import escape

import pytest

from muslin.survey.contact_sheet import contact_sheet, titles_of
from muslin.testing.worlds import tiny_shop

EVIL = "<script>alert('x')</script>"


def test_everything_is_escaped(hostile) -> None:
    sheet = contact_sheet(hostile, {"i3": {EVIL: ["i3", "i0"]}, EVIL: {"row": []}}, EVIL)
    assert "<script" not in sheet
    assert sheet.count(escape(EVIL)) >= 4
    assert "<figcaption>Red dress</figcaption>" in sheet
    assert "<img" not in sheet  # no pictures in this shop


def test_sections_and_rows_are_in_order_and_ids_have_titles() -> None:
    shop = tiny_shop()
    names = dict(shop.items.select("item_id", "title").iter_rows())
    sheet = contact_sheet(shop, {"g0001": {"one": ["g0002"], "two": ["g0003"]}, "words": {"three": ["g0004"]}}, "All")
    assert f"<h2>{names['g0001']}</h2>" in sheet
    places = [sheet.index(f"<h3>{row}</h3>") for row in ("one", "two", "three")]
    assert places == sorted(places)
    assert sheet.count("<figure>") == 3


def test_an_item_without_a_title_is_called_by_its_id(shop) -> None:
    untitled = replace(shop, schema=replace(shop.schema, items=replace(shop.schema.items, title=None)))
    assert titles_of(untitled)["g0002"] == "g0002"
    assert titles_of(shop)["g0002"] != "g0002"


def test_an_unknown_item_is_not_passed_over() -> None:
    with pytest.raises(KeyError):
        contact_sheet(tiny_shop(), {"a": {"b": ["nothing"]}}, "All")
