"""Shared fixtures; one thread a worker, since two workers with two threads each on two cores only wait."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from pathlib import Path

import pytest
import torch
from hypothesis import settings

from muslin.data.dataset import Dataset
from muslin.testing.worlds import tiny_shop

torch.set_num_threads(1)

# Deadlines measure the machine, not the code.
settings.register_profile("muslin", deadline=None, derandomize=True)
settings.load_profile("muslin")


@pytest.fixture(scope="session")
def shop() -> Dataset:
    return tiny_shop()


@pytest.fixture(scope="session")
def research_data() -> Path:
    """Directory of the research data sets; skips where they are absent."""
    root = Path(os.environ.get("MUSLIN_DATA", Path(__file__).parents[1] / "../shared/data")).resolve()
    if not root.is_dir():
        pytest.skip(f"research data not found at {root}: set MUSLIN_DATA")
    return root
