from collections.abc import Callable
from pathlib import Path

import pytest

from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam, Terms
from muslin.evaluate.protocol import protocol


@pytest.fixture(scope="session")
def examine(shop: Dataset) -> Callable[..., Exam]:
    """An exam of the tiny shop."""

    def build(name: str, seed: int = 0, max_users: int | None = 40) -> Exam:
        return protocol(name).build(shop, Terms(seed, max_users=max_users))

    return build


@pytest.fixture(autouse=True)
def no_peers_but_those_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Environments of the machine do not change what tests see, unless they are marked to use them."""
    if "installed" not in request.fixturenames:
        monkeypatch.setenv("MUSLIN_PEERS", str(tmp_path / "none"))
