"""The fast variant of campaign 14, and its control."""

import pytest
from benchmarks.reliability.poisoning import TARGET, run

from muslin.engine.model import Model
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def model() -> Model:
    return fit(tiny_shop(items=300, users=400, events=1200), "gp_residual", {"choose": False})


def test_fakes_gain_little(model: Model) -> None:
    found = run(model, lists=120)
    assert 0 < found.before < 1
    assert found.rise <= TARGET


def test_without_caps_they_would_gain_much(model: Model) -> None:
    found = run(model, lists=120, capped=False)
    assert found.rise > TARGET
