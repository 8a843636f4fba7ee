"""Planted marks and gains, and what the guard makes of them."""

import pytest

from muslin.transfer.guard import TOLERANCE, Gain, choose, verdict

NULL, FORM = "popularity, target only", "lambda 1"


def gain(value: float, low: float, high: float, segment: str = "new") -> Gain:
    return Gain(segment, NULL, 0.2, 0.2 + value, value, low, high)


@pytest.mark.parametrize(
    ("gains", "helps"),
    [
        ([gain(0.05, 0.01, 0.09)], True),
        ([gain(0.05, -0.001, 0.1)], False),  # better, not shown to be
        ([gain(0.0, 0.0, 0.0)], False),
        ([gain(-0.05, -0.09, -0.01)], False),
        ([gain(0.05, 0.01, 0.09), gain(0.01, -0.02, 0.04, "known")], True),
        ([gain(0.05, 0.01, 0.09), gain(-0.0019, -0.02, 0.02, "known")], True),  # a loss that can be borne
        ([gain(0.05, 0.01, 0.09), gain(-0.0021, -0.02, 0.02, "known")], False),  # one that cannot
        ([gain(-0.0021, -0.02, 0.02), gain(0.05, 0.01, 0.09, "known")], False),
        ([gain(0.01, -0.02, 0.04), gain(0.05, 0.01, 0.09, "known")], True),
        ([gain(0.02, -0.01, 0.05), gain(0.02, -0.01, 0.05, "known")], False),  # shown nowhere
        ([], False),
    ],
)
def test_only_what_is_shown_to_help_and_hurts_nobody_is_shipped(gains, helps) -> None:
    found = verdict(NULL, FORM, gains)
    assert found.helps is helps
    assert found.shipped == (FORM if helps else NULL)
    assert (found.null, found.chosen, found.gains) == (NULL, FORM, tuple(gains))


def test_the_tolerance_is_a_hundredth_of_the_mark() -> None:
    assert TOLERANCE == 0.01
    for null, loss, helps in ((0.5, 0.0049, True), (0.5, 0.0051, False), (0.05, 0.0006, False)):
        losing = Gain("known", NULL, null, null - loss, -loss, -1.0, 1.0)
        assert verdict(NULL, FORM, [gain(0.05, 0.01, 0.09), losing]).helps is helps


def test_the_targets_own_model_is_no_transfer_even_where_it_beats_another_of_its_kind() -> None:
    assert not verdict(NULL, NULL, [gain(0.0, 0.0, 0.0), gain(0.05, 0.01, 0.09, "known")]).helps


def test_shown_and_negative_are_about_the_interval() -> None:
    assert gain(0.1, 0.01, 0.2).shown
    assert not gain(0.1, 0.0, 0.2).shown
    assert gain(-0.1, -0.2, -0.01).negative
    assert not gain(-0.1, -0.2, 0.0).negative


def test_the_best_mean_over_segments_and_cuts_is_chosen() -> None:
    marks = {
        "a": [{"new": 0.1, "known": 0.5}, {"new": 0.1, "known": 0.5}],
        "b": [{"new": 0.4, "known": 0.3}, {"new": 0.4, "known": 0.3}],
        "c": [{"new": 0.9, "known": 0.1}, {"new": 0.0, "known": 0.1}],
    }
    assert choose(marks) == "b"


def test_of_equals_the_first_is_chosen() -> None:
    assert choose({"first": [{"new": 0.2}], "second": [{"new": 0.2}]}) == "first"
