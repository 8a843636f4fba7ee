import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from muslin.errors import ModelError
from muslin.evaluate.ranking import Ranked, TieBreak, rank, tie_keys
from muslin.random import stream


def mask(cells: set[tuple[int, int]], shape: tuple[int, int]) -> sp.csr_matrix:
    out = sp.lil_matrix(shape, dtype=np.float32)
    for u, i in cells:
        out[u, i] = 1.0
    return sp.csr_matrix(out)


def ranked(scores: np.ndarray, truth: set, seen: set, top: int = 3, seed: int = 0) -> Ranked:
    ties = TieBreak(np.arange(len(scores)), np.arange(scores.shape[1]), seed)
    scores = scores.astype(np.float32)
    return rank(scores, mask(truth, scores.shape), mask(seen, scores.shape), ties, top=top, method="toy")


def by_hand(scores: np.ndarray, truth: set, seen: set, top: int, seed: int) -> tuple[list[int], list[set[int]]]:
    """Sort each list, the slow and obvious way."""
    keys = tie_keys(TieBreak(np.arange(len(scores)), np.arange(scores.shape[1]), seed), np.arange(len(scores)))
    orders = [
        sorted((i for i in range(scores.shape[1]) if (u, i) not in seen), key=lambda i: (-scores[u, i], keys[u, i]))
        for u in range(len(scores))
    ]
    return [orders[u].index(i) + 1 for u, i in sorted(truth)], [set(order[:top]) for order in orders]


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(2, 30), st.integers(1, 4), st.integers(1, 8))
def test_equals_sorting_with_and_without_ties(seed: int, n_users: int, n_items: int, levels: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(levels, size=(n_users, n_items)).astype(float)
    kind = rng.random((n_users, n_items))
    truth = {(u, i) for u, i in np.argwhere(kind < 0.3).tolist()}
    seen = {(u, i) for u, i in np.argwhere(kind > 0.8).tolist()}
    found = ranked(scores, truth, seen, top, seed)
    ranks, tops = by_hand(scores, truth, seen, top, seed)
    assert found.ranks.tolist() == ranks
    assert [set(row[row >= 0].tolist()) for row in found.top] == tops


def test_constant_scores_rank_like_chance_and_not_by_index() -> None:
    n_users, n_items = 4000, 50
    truth = {(u, 0) for u in range(n_users)}
    found = ranked(np.zeros((n_users, n_items)), truth, set(), top=10)
    expected = (n_items + 1) / 2
    error = np.sqrt((n_items**2 - 1) / 12 / n_users)
    assert abs(found.ranks.mean() - expected) < 4 * error
    # Every rank about equally often: chi-square with 49 degrees of freedom stays below its 99.99 % point.
    counts = np.bincount(found.ranks, minlength=n_items + 1)[1:]
    assert ((counts - n_users / n_items) ** 2 / (n_users / n_items)).sum() < 100
    listed = np.bincount(found.top.ravel(), minlength=n_items)
    assert listed.min() > 0.8 * n_users * 10 / n_items


def test_two_items_come_in_either_order_for_half_of_the_shoppers() -> None:
    keys = tie_keys(TieBreak(np.arange(5000), np.arange(12), 3), np.arange(5000))
    ahead = (keys[:, :, None] < keys[:, None, :]).mean(axis=0)[~np.eye(12, dtype=bool)]
    assert np.abs(ahead - 0.5).max() < 0.04


def test_keys_of_a_shopper_never_collide_and_change_with_the_seed() -> None:
    ties = TieBreak(np.arange(3), np.arange(20_000), 0)
    keys = tie_keys(ties, np.arange(3))
    assert all(len(np.unique(row)) == 20_000 for row in keys)
    other = tie_keys(TieBreak(ties.users, ties.items, 1), np.arange(3))
    assert (keys != other).mean() > 0.99


def test_a_shoppers_ranks_do_not_depend_on_who_else_is_asked_nor_on_other_candidates_order() -> None:
    rng = stream(0, "test")
    scores = rng.integers(3, size=(6, 40)).astype(np.float32)
    truth = mask({(u, i) for u in range(6) for i in (u, u + 7)}, scores.shape)
    nothing = mask(set(), scores.shape)
    users, items = np.array([5, 9, 2, 7, 1, 4]), rng.permutation(1000)[:40]
    whole = rank(scores, truth, nothing, TieBreak(users, items), top=5, method="toy")
    alone = rank(scores[2:3], truth[2:3], nothing[2:3], TieBreak(users[2:3], items), top=5, method="toy")
    assert whole.ranks[4:6].tolist() == alone.ranks.tolist()
    turned = np.arange(40)[::-1]
    mirrored = rank(scores[:, turned], truth[:, turned], nothing, TieBreak(users, items[turned]), top=5, method="toy")
    assert np.sort(mirrored.ranks).tolist() == np.sort(whole.ranks).tolist()


def test_seen_items_are_neither_counted_nor_listed() -> None:
    found = ranked(np.array([[9.0, 8.0, 1.0, 0.0]]), {(0, 2)}, {(0, 0), (0, 1)}, top=4)
    assert found.ranks.tolist() == [1]
    assert sorted(found.top[0].tolist()) == [-1, -1, 2, 3]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_name_the_method(bad: float) -> None:
    with pytest.raises(ModelError, match="'toy'") as caught:
        ranked(np.array([[0.0, bad]]), {(0, 0)}, set())
    assert caught.value.code == "non_finite_scores"


def test_a_true_item_that_is_seen_is_a_bug_not_a_miss() -> None:
    with pytest.raises(ValueError, match="left out"):
        ranked(np.array([[1.0, 2.0]]), {(0, 0)}, {(0, 0)})
