"""The offset between new and known items in one list."""

import numpy as np
import pytest
import scipy.sparse as sp

from muslin.nets import one_list

NEW = np.arange(60) >= 40


def lists(seed: int, shift: float) -> tuple[np.ndarray, sp.csr_matrix]:
    """Logits that know the truth a little, those of new items `shift` too low."""
    rng = np.random.default_rng(seed)
    truth = rng.random((300, 60)) < 0.05
    logits = (2 * truth + rng.standard_normal((300, 60))).astype(np.float32)
    logits[:, NEW] -= shift
    return logits, sp.csr_matrix(truth.astype(np.float32))


def accuracy(logits, truth, offset: float) -> np.ndarray:
    """[2] mean NDCG@20 of everything and of known items where there are any, shopper by shopper."""
    every, warm = [], []
    for row, taken in zip(logits + offset * NEW, truth.toarray() > 0, strict=True):
        gains = [1 / np.log2(place + 2) for place in range(20)]
        top = np.argsort(-row)[:20]
        for out, wanted in ((every, taken), (warm, taken & ~NEW)):
            if wanted.any():
                out.append(sum(g for g, i in zip(gains, top, strict=True) if wanted[i]) / sum(gains[: wanted.sum()]))
    return np.array([np.mean(every), np.mean(warm)])


@pytest.mark.parametrize("shift", [0.0, 4.0, 25.0])
def test_it_undoes_a_shift_when_accuracy_may_be_paid(shift) -> None:
    logits, truth = lists(0, shift)
    assert one_list.offset(logits, truth, NEW, price=1.0) == pytest.approx(shift, abs=0.6)


@pytest.mark.parametrize("price", [0.0, 0.01, 0.05])
def test_known_items_lose_no_more_than_the_price(price) -> None:
    logits, truth = lists(1, 3.0)
    found = one_list.offset(logits, truth, NEW, price)
    alone = accuracy(logits, truth, -1000.0)
    assert accuracy(logits, truth, found)[1] >= (1 - price) * alone[1] - 1e-6


def test_a_higher_price_buys_more() -> None:
    logits, truth = lists(2, 3.0)
    bought = [accuracy(logits, truth, one_list.offset(logits, truth, NEW, p))[0] for p in (0.0, 0.05, 1.0)]
    assert bought[0] < bought[1] < bought[2]


@pytest.mark.parametrize("side", [NEW, ~NEW])
def test_without_truth_on_one_side_nothing_is_moved(side) -> None:
    logits, truth = lists(3, 3.0)
    assert one_list.offset(logits, sp.csr_matrix(truth.multiply(side)), NEW, 0.5) == 0.0


def test_shoppers_to_whom_one_side_is_closed_do_not_count() -> None:
    logits, truth = lists(4, 3.0)
    whole = one_list.offset(logits, truth, NEW, 1.0)
    for side in (NEW, ~NEW):
        shut = logits.copy()
        shut[0, side] = -np.inf
        assert one_list.offset(shut, truth, NEW, 1.0) == pytest.approx(whole, abs=0.5)


def test_nobody_with_both_sides_open_moves_nothing() -> None:
    logits, truth = lists(4, 3.0)
    logits[:, NEW] = -np.inf
    assert one_list.offset(logits, truth, NEW, 1.0) == 0.0


def test_closed_items_are_left_closed() -> None:
    logits, truth = lists(4, 1.0)
    logits[:, :10] = -np.inf
    assert np.isfinite(one_list.offset(logits, truth, NEW, 0.1))
