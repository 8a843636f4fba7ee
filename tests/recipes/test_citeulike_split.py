"""The public cold split of CiteULike-a: baselines reach what was measured on it, so they are not crippled."""

import pytest
from benchmarks.cold_start import published
from benchmarks.cold_start.bars import measure
from benchmarks.cold_start.wanted import CITEULIKE

from muslin.evaluate.exam import Exam

pytestmark = pytest.mark.data
QUICK = [bar for bar in CITEULIKE if bar.view == "cold" and bar.method in ("content_knn", "ease_content")]
"""The others take minutes: python -m benchmarks.cold_start.bars citeulike."""


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Exam:
    """New and known articles of known users."""
    if not (published.CITEULIKE / "users.dat").is_file():
        pytest.skip("CiteULike-a is not here: set MUSLIN_DATA")
    return published.citeulike(tmp_path_factory.mktemp("citeulike") / "data")


def test_the_split_is_the_public_one(exam: Exam) -> None:
    cold, warm = exam.asks
    assert (len(cold.items), len(warm.items)) == (3396, 13_584)
    assert cold.truth.nnz == 20_158
    assert len(warm.users) == 4591


def test_nobody_is_offered_what_they_have_or_what_stands_in_the_validation_part(exam: Exam) -> None:
    warm = exam.asks[1]
    held = exam.world.users(warm.users).history[:, warm.items.rows].nnz
    assert held < warm.seen.nnz
    assert not warm.seen.multiply(warm.truth).nnz


@pytest.mark.parametrize("bar", QUICK, ids=lambda bar: bar.method)
def test_baselines_reach_what_was_measured(exam: Exam, bar) -> None:
    """Rare tags count more here than the default has it; the power was chosen on the validation articles."""
    (reached,) = measure(exam, (bar,))
    assert reached.holds, reached
