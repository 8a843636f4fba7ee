from dataclasses import replace

import pytest

from muslin.survey.cold import cold_view
from muslin.testing.worlds import tiny_shop


def named(dataset) -> dict:
    view = cold_view(dataset)
    assert view is not None
    return {column.name: column for column in view.columns}


def test_cold_are_those_without_events(hostile) -> None:
    view = cold_view(hostile)
    assert view is not None
    assert (view.basis, view.trained, view.cold) == ("no_events", 4, 2)
    assert "v" not in {column.name for column in view.columns}


def test_values_never_met_are_counted_among_those_that_have_one(hostile) -> None:
    found = named(hostile)
    assert (found["brand"].unseen, found["brand"].cold_coverage, found["brand"].examples) == (1.0, 0.5, ("new",))
    assert (found["tags"].unseen, found["tags"].partly, found["tags"].new_values) == (0.5, 1.0, 1)
    assert (found["price"].unseen, found["price"].new_values) == (1.0, None)


def test_of_texts_words_are_compared_and_of_chinese_characters(hostile) -> None:
    title = named(hostile)["title"]
    # "red" and the character 裙 were met, "coat" never.
    assert (title.unseen, title.partly, title.new_values, title.examples) == (0.5, 1.0, 1, ("coat",))


def test_an_event_that_shows_no_liking_leaves_a_garment_cold(hostile) -> None:
    blind = hostile.with_events(hostile.events.with_columns(weight=0.0 * hostile.events["weight"]))
    assert cold_view(blind) is None
    seen = replace(hostile, events=hostile.events[:3])
    view = cold_view(seen)
    assert view is not None
    assert view.cold == 3


def test_without_cold_garments_families_are_held_out() -> None:
    shop = tiny_shop()
    bought = shop.events["item_id"].unique()
    shop = replace(shop, items=shop.items.filter(shop.items["item_id"].is_in(bought.implode())))
    view = cold_view(shop)
    assert view is not None
    assert view.basis == "held_out"
    assert 0 < view.cold < view.trained
    assert view.trained + view.cold <= len(shop.items)
    price = next(column for column in view.columns if column.name == "price")
    assert price.unseen < 0.5


@pytest.mark.parametrize("keep", [0, 1])
def test_too_little_to_hold_out_is_no_view(hostile, keep) -> None:
    one = replace(hostile, items=hostile.items[:keep], events=hostile.events[:keep])
    assert cold_view(one) is None


def test_an_empty_catalogue_has_none(empty) -> None:
    assert cold_view(empty) is None
