"""Items told of in batches, against one item after the other."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from muslin.nets import first_shoppers
from muslin.types import Items, Support, Users


def drawn(seed: int, shape: tuple[int, int], density: float) -> sp.csr_matrix:
    return sp.csr_matrix(sp.random_array(shape, density=density, rng=np.random.default_rng(seed)))


@given(seed=st.integers(0, 10**6), density=st.floats(0, 1), items=st.integers(0, 9))
def test_every_event_is_in_one_group_and_each_group_has_one_number_of_shoppers(seed, density, items) -> None:
    events = drawn(seed, (7, items), density)
    found = first_shoppers.groups(events)
    pairs = {(int(s), int(c)) for g in found for c, own in zip(g.columns, g.shoppers, strict=True) for s in own}
    assert pairs == set(zip(*(part.tolist() for part in events.nonzero()), strict=True))
    sizes = [g.shoppers.shape[1] for g in found]
    assert sizes == sorted(set(sizes))
    assert first_shoppers.columns(found).tolist() == np.flatnonzero(events.getnnz(axis=0)).tolist()


@pytest.mark.parametrize("cells", [1 << 20, 64])
@given(seed=st.integers(0, 10**6), density=st.floats(0.05, 1))
def test_products_are_those_of_each_item_alone(cells, seed, density) -> None:
    left, right, events = (drawn(seed + n, shape, density) for n, shape in enumerate([(7, 40), (7, 40), (7, 9)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_shoppers, "_CELLS", cells)
        for group in first_shoppers.groups(events):
            found = first_shoppers.products(left, right, group.shoppers)
            for item, own in enumerate(group.shoppers):
                np.testing.assert_allclose(found[item], left.toarray()[own] @ right.toarray()[own].T, atol=1e-12)


@given(seed=st.integers(0, 10**6), density=st.floats(0, 1))
def test_values_come_together_where_their_events_are(seed, density) -> None:
    events = drawn(seed, (7, 9), density)
    found = first_shoppers.groups(events)
    values = [events.toarray()[group.shoppers, group.columns[:, None]] for group in found]
    expected = events.toarray().T[first_shoppers.columns(found)]
    np.testing.assert_array_equal(first_shoppers.together(found, values, 7).toarray(), expected)


@given(seed=st.integers(0, 10**6), density=st.floats(0, 1), items=st.integers(0, 9))
def test_only_shoppers_of_an_item_are_asked_about_it(seed, density, items) -> None:
    events = drawn(seed, (7, items), density)
    nothing = sp.csr_matrix((7, 1), dtype=np.float32)
    support = Support(Users(np.arange(7), nothing, nothing), Items(None, 10 + np.arange(items)), events)
    asked = []

    def score(users: Users, own: Items) -> np.ndarray:
        asked.append(len(users) * len(own))
        return np.outer(users.rows + 1, own.rows).astype(np.float32)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_shoppers, "_ITEMS", 1)
        found = first_shoppers.scored(support, score)
    assert sum(asked) == events.nnz
    expected = np.outer(np.arange(7) + 1, 10 + np.arange(items)) * (events.toarray() > 0)
    np.testing.assert_array_equal(found.toarray(), expected)
    for group in first_shoppers.groups(events):
        np.testing.assert_array_equal(
            first_shoppers.values(found, group), expected[group.shoppers, group.columns[:, None]]
        )
