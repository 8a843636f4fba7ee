import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.evaluate.metrics import Pairs, coverage, gini, names, parts, values

CUTOFF = 5


def drawn(seed: int, n_users: int, n_items: int, methods: int = 2) -> tuple[Pairs, list[dict[int, list[int]]]]:
    """Pairs, and per method the whole ranking of every shopper."""
    rng = np.random.default_rng(seed)
    wanted = {u: np.sort(rng.choice(n_items, rng.integers(1, n_items), replace=False)) for u in range(n_users)}
    lists = [{u: rng.permutation(n_items).tolist() for u in wanted} for _ in range(methods)]
    user = np.concatenate([np.full(len(i), u) for u, i in wanted.items()])
    item = np.concatenate(list(wanted.values()))
    ranks = np.array([[order[u].index(i) + 1 for order in lists] for u, i in zip(user, item, strict=True)])
    return Pairs(user, item, ranks), lists


def by_hand(pairs: Pairs, column: int) -> dict[str, float]:
    """The definitions, one shopper and one item at a time."""
    ranks: dict[int, dict[int, int]] = {}
    for u, i, r in zip(pairs.user, pairs.item, pairs.ranks[:, column], strict=True):
        ranks.setdefault(int(u), {})[int(i)] = int(r)

    def gain(r: int) -> float:
        return 1 / math.log2(r + 1) if r <= CUTOFF else 0.0

    ndcg = [sum(map(gain, of.values())) / sum(gain(r + 1) for r in range(len(of))) for of in ranks.values()]
    recall = [sum(r <= CUTOFF for r in of.values()) / len(of) for of in ranks.values()]
    mrr = [1 / min(of.values()) for of in ranks.values()]
    items = {i for of in ranks.values() for i in of}
    mdg = [np.mean([gain(of[i]) for of in ranks.values() if i in of]) for i in items]
    buyers = {i: sum(i in of for of in ranks.values()) for i in items}
    weight = [(r, 1 / len(of) / math.sqrt(buyers[i])) for of in ranks.values() for i, r in of.items()]
    stratified = sum(w for r, w in weight if r <= CUTOFF) / sum(w for _, w in weight)
    means = [float(np.mean(x)) for x in (ndcg, recall, mrr, stratified, mdg)]
    return dict(zip(names(CUTOFF), means, strict=True))


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(2, 12))
def test_equals_the_definitions(seed: int, n_users: int, n_items: int) -> None:
    pairs, _ = drawn(seed, n_users, n_items)
    found = {name: values(part) for name, part in parts(pairs, CUTOFF).items()}
    for column in range(2):
        for name, expected in by_hand(pairs, column).items():
            assert found[name][column] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_equals_ir_measures(seed: int) -> None:
    pairs, lists = drawn(seed, 200, 60, methods=1)
    judged = [ir_measures.Qrel(str(u), str(i), 1) for u, i in zip(pairs.user, pairs.item, strict=True)]
    run = [
        ir_measures.ScoredDoc(str(u), str(i), float(-place))
        for u, order in lists[0].items()
        for place, i in enumerate(order)
    ]
    wanted = {"ndcg@20": ir_measures.nDCG @ 20, "recall@20": ir_measures.R @ 20, "mrr": ir_measures.RR}
    theirs = ir_measures.calc_aggregate(list(wanted.values()), judged, run)
    ours = parts(pairs, 20)
    for name, measure in wanted.items():
        assert values(ours[name])[0] == pytest.approx(theirs[measure], abs=1e-9)


def test_units_of_a_shopper_add_up_to_one_so_the_ratio_is_the_mean_over_shoppers() -> None:
    pairs, _ = drawn(1, 20, 10)
    for name, part in parts(pairs, CUTOFF).items():
        if name.startswith("stratified"):  # rare items weigh more: no mean over shoppers
            continue
        groups = pairs.item if name.startswith("mdg") else pairs.user
        assert np.bincount(groups, weights=part.unit)[np.unique(groups)] == pytest.approx(1.0)


def test_only_mrr_does_not_add_up_over_items() -> None:
    pairs, _ = drawn(2, 4, 6)
    assert [name for name, part in parts(pairs, CUTOFF).items() if not part.by_item] == ["mrr"]


def test_coverage_counts_listed_candidates_once_and_no_empty_places() -> None:
    assert coverage(np.array([[0, 1, -1], [1, 3, -1]]), 10) == pytest.approx(0.3)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_gini_equals_the_mean_difference_of_exposures(exposure: list[int]) -> None:
    """Half the mean absolute difference of two candidates, relative to the mean."""
    top = np.repeat(np.arange(len(exposure)), exposure)[:, None]
    mean = np.mean(exposure)
    spread = np.mean(np.abs(np.subtract.outer(exposure, exposure)))
    expected = spread / (2 * mean) if mean else 0.0
    assert gini(top, np.arange(len(exposure))) == pytest.approx(expected, abs=1e-12)


def test_gini_looks_at_the_candidates_named_and_no_empty_places() -> None:
    top = np.array([[0, 5, -1], [0, 6, -1], [0, 5, 6]])
    assert gini(top, np.array([5, 6])) == pytest.approx(0.0)
    assert gini(top, np.array([0, 1])) == pytest.approx(0.5)
