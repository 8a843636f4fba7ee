"""How unevenly garments were shown."""

import numpy as np
import pytest

from muslin.engine import exposure
from muslin.engine.exposure import Exposure


def test_even_and_uneven() -> None:
    found, nobody = Exposure(), np.zeros(4, dtype=bool)
    assert found.gini(nobody) == 0
    found.note(np.array([0, 1, 2, 3]))
    assert found.gini(nobody) == pytest.approx(0)
    found.note(np.zeros(1000, dtype=np.int64))
    assert found.gini(nobody) > 0.7
    assert found.gini(np.array([True, False, False, False])) == pytest.approx(0)  # what left does not count


def test_old_answers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "KEPT", 8)
    found, nobody = Exposure(), np.zeros(4, dtype=bool)
    found.note(np.zeros(8, dtype=np.int64))
    assert found.gini(nobody) == pytest.approx(0.75)
    for _ in range(2):
        found.note(np.array([0, 1, 2, 3]))
    assert found.gini(nobody) == pytest.approx(0)
