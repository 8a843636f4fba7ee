"""A fitted shop, and rows that could join it."""

from collections.abc import Callable
from typing import Any

import pytest

from muslin.engine.assortment.state import Assortment, fresh
from muslin.engine.model import Model
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="session")
def model() -> Model:
    return fit(tiny_shop(items=80, users=120, events=500), "content_knn")


@pytest.fixture
def state(model: Model) -> Assortment:
    return fresh(model)


@pytest.fixture(scope="session")
def garment() -> Callable[..., dict[str, Any]]:
    """Makes a row: a red dress, unless told otherwise."""

    def make(item_id: str, **columns: Any) -> dict[str, Any]:
        row = {"item_id": item_id, "department": "womenswear", "kind": "dress", "colour": "red", "title": "red dress"}
        return {**row, "price": 20.0, **columns}

    return make
