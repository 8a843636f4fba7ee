"""Muslin: cold-start recommendations for fashion.

import muslin

dataset = muslin.Dataset.load("shop")
model = muslin.fit(dataset)
model.recommend(["a shopper", "a stranger"], k=10)
model.save("model"); model = muslin.Model.load("model")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from muslin.data.dataset import Dataset
    from muslin.engine.filters import Filters
    from muslin.engine.model import Model
    from muslin.errors import DataError, ModelError, MuslinError, UsageError
    from muslin.recipes.evaluate import evaluate
    from muslin.recipes.fit import fit

_HOME = {
    "Dataset": "muslin.data.dataset",
    "Filters": "muslin.engine.filters",
    "Model": "muslin.engine.model",
    "MuslinError": "muslin.errors",
    "DataError": "muslin.errors",
    "ModelError": "muslin.errors",
    "UsageError": "muslin.errors",
    "evaluate": "muslin.recipes.evaluate",
    "fit": "muslin.recipes.fit",
}

__all__ = [
    "DataError",
    "Dataset",
    "Filters",
    "Model",
    "ModelError",
    "MuslinError",
    "UsageError",
    "__version__",
    "evaluate",
    "fit",
]


def __getattr__(name: str) -> Any:
    """Import public names on first use: `import muslin` itself stays quick."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
