import itertools

import numpy as np
from benchmarks.meta_speed.buckets import WASTE, groups
from hypothesis import given, settings
from hypothesis import strategies as st

LENGTHS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)), max_size=60)


@settings(deadline=None, max_examples=150)
@given(lengths=LENGTHS)
def test_groups_hold_each_task_once_and_waste_little(lengths: list[tuple[int, int]]) -> None:
    support, query = np.array(lengths, dtype=np.int64).reshape(-1, 2).T
    found = groups(support, query)
    assert sorted(np.concatenate([*found, np.empty(0, dtype=np.int64)]).tolist()) == list(range(len(lengths)))
    for length in (support, query):
        slots = sum(length[own].max() * len(own) for own in found)
        assert slots * (1 - WASTE) <= length.sum() + 1e-9
    assert all((np.diff(own) > 0).all() for own in found)


@settings(deadline=None, max_examples=60)
@given(support=st.lists(st.integers(0, 8), min_size=1, max_size=30))
def test_no_other_cut_does_with_fewer_groups_or_slots(support: list[int]) -> None:
    length = np.array(support)
    found = groups(length, np.ones(len(length), dtype=np.int64))
    kinds = np.unique(length)
    for count in range(1, len(found) + 1):
        best = min(_slots(length, kinds, cut) for cut in itertools.combinations(range(1, len(kinds)), count - 1))
        enough = best * (1 - WASTE) <= length.sum() + 1e-9
        assert enough == (count == len(found))
    assert best == sum(length[own].max() * len(own) for own in found)


def _slots(length: np.ndarray, kinds: np.ndarray, cut: tuple[int, ...]) -> int:
    group = np.searchsorted(cut, np.searchsorted(kinds, length), side="right")
    return sum(length[group == g].max() * (group == g).sum() for g in range(len(cut) + 1))


def test_the_measured_shapes_waste_two_fifths_as_one_group_and_little_as_five() -> None:
    support = np.tile(np.arange(5, 21), 16)
    assert 0.35 < 1 - support.sum() / (20 * len(support)) < 0.41
    found = groups(support, np.full(len(support), 10))
    assert len(found) == 5
    assert 1 - support.sum() / sum(support[own].max() * len(own) for own in found) <= 0.1
