"""Muslin: cold-start recommendations for fashion.

import muslin

dataset = muslin.Dataset.load("shop")
model = muslin.fit(dataset)
model.recommend(["a shopper", "a stranger"], k=10)
model.save("model"); model = muslin.Model.load("model")
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Threads that wait by spinning take the core from whoever they wait for: beside two other busy processes a training
# step took six times as long. A short spin keeps the speed of an idle machine (ADR 7). Read when torch loads its
# OpenMP; a policy set by the user stays.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

if TYPE_CHECKING:
    from muslin.data.dataset import Dataset
    from muslin.engine.filters import Filters
    from muslin.engine.model import Model
    from muslin.errors import DataError, ModelError, MuslinError, UsageError
    from muslin.recipes.evaluate import evaluate as cross_validate
    from muslin.recipes.fit import fit

_HOME = {
    "Dataset": ("muslin.data.dataset", "Dataset"),
    "Filters": ("muslin.engine.filters", "Filters"),
    "Model": ("muslin.engine.model", "Model"),
    "MuslinError": ("muslin.errors", "MuslinError"),
    "DataError": ("muslin.errors", "DataError"),
    "ModelError": ("muslin.errors", "ModelError"),
    "UsageError": ("muslin.errors", "UsageError"),
    # Not `evaluate`: that name is the package's, and would change meaning once it is imported.
    "cross_validate": ("muslin.recipes.evaluate", "evaluate"),
    "fit": ("muslin.recipes.fit", "fit"),
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
    "cross_validate",
    "fit",
]


def __getattr__(name: str) -> Any:
    """Import public names on first use: `import muslin` itself stays quick."""
    if name in _HOME:
        module, attribute = _HOME[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
