"""Shared fixtures; one thread a worker, since two workers with two threads each on two cores only wait."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image, ImageDraw

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


@pytest.fixture
def draw() -> Callable[[int], Image.Image]:
    return _drawing


@pytest.fixture
def encode() -> Callable[..., bytes]:
    return _encoded


def _drawing(seed: int, width: int = 400, height: int = 600) -> Image.Image:
    """A garment on white with a pattern of its own."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((60, 40, width - 60, height - 40), fill=tuple(rng.integers(60, 200, 3).tolist()))
    for _ in range(30):
        x, y = int(rng.integers(60, width - 140)), int(rng.integers(40, height - 160))
        pen.ellipse((x, y, x + 80, y + 120), fill=tuple(rng.integers(0, 256, 3).tolist()))
    return picture


def _encoded(picture: Image.Image, kind: str = "JPEG", quality: int = 90) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, quality=quality)
    return file.getvalue()
