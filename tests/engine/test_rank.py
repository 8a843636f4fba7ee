import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from muslin.engine.rank import best

ROW = st.lists(st.sampled_from([0.0, 1.0, 2.0, -np.inf]), min_size=6, max_size=6)


@given(st.lists(ROW, min_size=1), st.integers(1, 8))
def test_best_is_the_head_of_a_stable_sort(rows, k) -> None:
    scores = torch.tensor(rows)
    value, index = best(scores, k)
    naive = np.argsort(-scores.numpy(), axis=1, kind="stable")[:, :k]
    assert np.array_equal(index.numpy(), naive)
    assert np.array_equal(value.numpy(), np.take_along_axis(scores.numpy(), naive, axis=1))


def test_a_short_list_is_the_start_of_a_long_one(model) -> None:
    long = model.recommend(["stranger", "u0001"], k=40)
    short = model.recommend(["stranger", "u0001"], k=7)
    assert short.equals(long.filter(long["rank"] <= 7))
