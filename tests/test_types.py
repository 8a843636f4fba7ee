import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from muslin.types import Events, preference_matrix

EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.sampled_from([1.0, 2.0, 5.0])), max_size=30)


@given(EVENTS)
def test_preference_matrix_keeps_the_largest_weight_of_each_pair(rows) -> None:
    user, item, weight = (np.array([r[i] for r in rows]) for i in range(3))
    events = Events(user.astype(np.int64), item.astype(np.int64), weight.astype(np.float32), np.zeros(len(rows), int))
    naive = np.zeros((5, 6), dtype=np.float32)
    for u, i, w in rows:
        naive[u, i] = max(naive[u, i], w)
    matrix = preference_matrix(events, 5, 6)
    assert np.array_equal(matrix.toarray(), naive)
    assert matrix.has_sorted_indices
    assert matrix.nnz == (naive > 0).sum()
