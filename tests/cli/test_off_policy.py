import json
from pathlib import Path

import polars as pl
import pytest


def write(path: Path, **columns: list[object]) -> Path:
    pl.DataFrame(columns).write_csv(path)
    return path


def test_estimates(muslin, tmp_path: Path) -> None:
    log = write(
        tmp_path / "log.csv",
        user_id=["a", "a", "b", "c"],
        reward=[1, 0, 0, 1],
        propensity=[0.5, 0.5, 0.25, 0.25],
        target=[1.0, 0.0, 0.0, 0.5],
    )
    found = muslin("off-policy", log, "--json", "-")
    assert found.status == 0, found.err
    rows = {row["estimator"]: row for row in json.loads(found.out)}
    assert rows["ips"]["value"] == pytest.approx((2 + 2) / 4)
    assert rows["snips"]["value"] == pytest.approx(1.0)
    assert "thin" in found.err
    cut = json.loads(muslin("off-policy", log, "--clip", 1, "--json", "-").out)
    assert cut[0]["value"] == pytest.approx(0.5)


def test_a_missing_column_is_named(muslin, tmp_path: Path) -> None:
    found = muslin("off-policy", write(tmp_path / "log.csv", reward=[1], propensity=[0.5]))
    assert (found.status, "target" in found.err) == (3, True)


def test_words_are_no_numbers(muslin, tmp_path: Path) -> None:
    found = muslin("off-policy", write(tmp_path / "log.csv", reward=["much"], propensity=[0.5], target=[0.5]))
    assert (found.status, "reward" in found.err) == (3, True)
