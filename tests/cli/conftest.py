"""A shop and a model on disk, and the command run in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from muslin.cli import main
from muslin.data.dataset import Dataset
from muslin.data.schema import write_schema
from muslin.recipes.fit import fit

SMALL = ("dimensions=4", "epochs=2", "batch_size=256", "negatives=64")
"""Options with which two_tower fits in a second."""


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Muslin = Callable[..., Ran]


def write_native(shop: Dataset, folder: Path) -> Path:
    """`shop` as a native dataset directory, not sealed: loading checks it."""
    folder.mkdir(parents=True)
    write_schema(shop.schema, folder / "dataset.toml")
    shop.items.write_parquet(folder / "items.parquet")
    shop.users.write_parquet(folder / "users.parquet")
    shop.events.drop("weight").write_parquet(folder / "events.parquet")
    return folder


def tree(folder: Path) -> set[str]:
    """Everything in `folder`, hidden files too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(scope="session")
def dataset(shop: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_native(shop, tmp_path_factory.mktemp("cli") / "shop")


@pytest.fixture(scope="session")
def model(shop: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit(shop, "content_knn").save(tmp_path_factory.mktemp("cli") / "model")


@pytest.fixture
def muslin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Muslin:
    """Runs `muslin ARGUMENTS` in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        status = main([str(a) for a in arguments])
        return Ran(status, *capsys.readouterr())

    return run


def small(*, method: str = "two_tower") -> list[str]:
    """Arguments of a quick fit."""
    return ["--method", method, *(part for option in SMALL for part in ("--set", option))]
