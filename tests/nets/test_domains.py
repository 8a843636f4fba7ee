"""Views of a shop from its domains, against loops over shoppers."""

from dataclasses import replace

import numpy as np
import pytest

from muslin.features.space import encode
from muslin.nets.domains import active, drawn, hidden, shared, views, within
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def data():
    return encode(tiny_shop(events=600)).data


def test_every_trained_garment_is_in_one_domain_and_outside_all_others(data) -> None:
    sides = views(data.catalogue.domain, 2)
    np.testing.assert_array_equal(np.sort(np.concatenate([v.own for v in sides])), np.arange(len(data.catalogue)))
    for view in sides:
        assert (data.catalogue.domain[view.own] == view.code).all()
        assert (data.catalogue.domain[view.other] != view.code).all()
        assert len(view.own) + len(view.other) == len(data.catalogue)


def test_shared_shoppers_took_something_on_both_sides(data) -> None:
    pairs, view = data.matrix(), views(data.catalogue.domain, 2)[0]
    taken: dict[int, set[bool]] = {}
    for user, item in zip(data.events.user, data.events.item, strict=True):
        taken.setdefault(int(user), set()).add(bool(data.catalogue.domain[item] == 0))
    expected = sorted(user for user, sides in taken.items() if len(sides) == 2)
    assert 0 < len(expected) < pairs.shape[0]
    assert shared(pairs, view).tolist() == expected


def test_a_history_within_a_domain_counts_every_event_once(data) -> None:
    view = views(data.catalogue.domain, 2)[1]
    found, whole = within(data.matrix(), view.own), data.matrix().toarray()
    np.testing.assert_array_equal(found.toarray(), whole[:, view.own] > 0)
    np.testing.assert_array_equal(active(found), (whole[:, view.own] > 0).any(axis=1))


def test_nobody_is_drawn_for_two_domains_and_small_ones_are_left_alone(data) -> None:
    pairs, sides = data.matrix(), views(data.catalogue.domain, 2)
    first, second = drawn(pairs, sides, 0)
    count = len(shared(pairs, sides[0]))
    assert len(first) == round(0.2 * count)
    assert not set(first) & set(second)
    assert set(first) | set(second) <= set(shared(pairs, sides[0]))
    assert not any(map(len, drawn(pairs, sides, 0, least=count + 1)))
    assert not np.array_equal(first, drawn(pairs, sides, 1)[0])


def test_hidden_events_are_those_of_the_drawn_in_their_target(data) -> None:
    sides = views(data.catalogue.domain, 2)
    asked = drawn(data.matrix(), sides, 0)
    left = hidden(data, sides, asked)
    gone = {(view.code, int(row)) for view, rows in zip(sides, asked, strict=True) for row in rows}
    rows = zip(data.events.user, data.events.item, data.events.weight, data.events.time, strict=True)
    expected = [r for r in rows if (int(data.catalogue.domain[r[1]]), int(r[0])) not in gone]
    events = left.events
    assert list(zip(events.user, events.item, events.weight, events.time, strict=True)) == expected
    assert len(expected) < len(data.events)
    assert replace(left, events=data.events) == data
