"""Figures measured beforehand on a strict split of the H&M week: no baseline weaker, our method no worse."""

from collections.abc import Iterator

import pytest
from benchmarks.cold_start import published
from benchmarks.cold_start.bars import measure
from benchmarks.cold_start.wanted import HM_STRICT

from muslin import registry
from muslin.evaluate.answers import floor, scores_of
from muslin.evaluate.exam import Exam
from muslin.method import Fitted
from muslin.nets import ease
from muslin.train.loop import Run, train
from muslin.types import Csr

pytestmark = pytest.mark.data
BARS = [bar for bar in HM_STRICT if bar.view == "within" and bar.method != "muslin"]
"""The whole catalogue and the best blend take minutes: python -m benchmarks.cold_start.bars hm_strict."""
SOLVED = ("ease", "ease_content")
"""Both solve EASE of the same events, which takes a minute."""
ALONE = sorted({bar.method for bar in BARS}.difference(SOLVED))


@pytest.fixture(scope="module")
def exam() -> Exam:
    if not published.STRICT.is_file():
        pytest.skip("the H&M week is not here: set MUSLIN_DATA")
    return published.hm_strict()


@pytest.fixture(scope="module", autouse=True)
def solved_once() -> Iterator[None]:
    """The second that solves EASE of the same events is given what the first found."""
    solve, found = ease.weights, {}

    def weights(pairs: Csr, penalty: float, keep: int) -> Csr:
        asked = (pairs.shape, pairs.nnz, penalty, keep)
        if asked not in found:
            found[asked] = solve(pairs, penalty, keep)
        return found[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ease, "weights", weights)
        yield


def test_the_split_is_the_one_the_figures_were_taken_on(exam: Exam) -> None:
    ask = exam.asks[0]
    assert (ask.truth.nnz, len(ask.users), len(ask.items)) == (17_072, 13_151, 687)
    assert not ask.seen.nnz
    assert len(exam.asks[1].items) == 687 + exam.world.catalogue.n_hot


def test_random_is_where_it_was_measured(exam: Exam) -> None:
    found = published.measured(exam, "within", floor)
    assert found["ndcg@20"] == pytest.approx(0.011, abs=0.001)
    assert found["recall@20"] == pytest.approx(0.029, abs=0.002)


@pytest.mark.parametrize("names", [SOLVED, *((name,) for name in ALONE)], ids=" ".join)
def test_baselines_are_not_weaker_than_measured(exam: Exam, names) -> None:
    """One test of those that solve the same, for each worker that has one of them solves it."""
    bars = tuple(bar for bar in BARS if bar.method in names)
    found = list(measure(exam, bars))
    assert {reached.bar.method for reached in found} == set(names)
    for reached in found:
        assert reached.holds, reached
        assert reached.ndcg > reached.bar.ndcg, reached


def test_one_epoch_of_two_tower_beats_every_simple_method(exam: Exam) -> None:
    method = registry.build("two_tower")
    trained = train(method, exam.world.data, Run("two_tower", 0, epochs=1))
    found = published.measured(exam, "within", scores_of(Fitted(method, trained.params), exam))
    assert found["ndcg@20"] > 0.169  # the best blend of simple methods that was measured
