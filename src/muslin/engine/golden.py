"""Golden requests: answers written down when a model is saved, which it must still give when it is loaded.

A model whose files are intact but do not belong together (weights of another training, another version's features) has
the right hashes and the wrong answers; this catches it before a shopper does.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from muslin.errors import ModelError

if TYPE_CHECKING:
    from muslin.engine.model import Model

SHOPPERS = 8
"""Known shoppers asked, evenly spaced."""
TOLERANCE = 1e-3
"""Largest relative difference of a score: other machines add up in another order."""


def record(model: "Model") -> dict[str, Any]:
    """Shapes of the parameters, and scores of a few shoppers for a few items."""
    shapes = {name: list(value.shape) for name, value in sorted(model.fitted.params.items())}
    return {"shapes": shapes, "scores": _scores(model)}


def check(model: "Model", expected: dict[str, Any]) -> None:
    """Raise `ModelError` (`wrong_shape`, `wrong_answer`) unless `model` is the one `expected` was recorded of."""
    shapes = {name: list(value.shape) for name, value in model.fitted.params.items()}
    for name in sorted(shapes.keys() | expected["shapes"].keys()):
        found, written = shapes.get(name), expected["shapes"].get(name)
        if found != written:
            why = f"parameter {name!r} has shape {found}, not {written}"
            raise ModelError(why, code="wrong_shape", where="model.safetensors", fix="copy the model again")
    scores, golden = np.array(_scores(model)), np.array(expected["scores"])
    scale = max(1.0, float(np.abs(golden).max(initial=0)))
    if scores.shape != golden.shape or not (np.abs(scores - golden) <= TOLERANCE * scale).all():
        why = "its answers are not those it gave when it was saved"
        raise ModelError(why, code="wrong_answer", where="golden.json", fix="fit it again with this version of muslin")


def _scores(model: "Model") -> list[list[float]]:
    shoppers = _spaced(model.world.shoppers.ids[: model.world.shoppers.n_hot])
    items = _spaced(model.world.catalogue.ids)
    scores = model.score(model.world.users(shoppers, evidence=model.fitted.method.evidence), model.world.items(items))
    return [[round(float(x), 6) for x in row] for row in scores]


def _spaced(ids: np.ndarray) -> list[str]:
    places = np.linspace(0, len(ids) - 1, SHOPPERS if len(ids) else 0).astype(int)
    return [str(ids[i]) for i in np.unique(places)]
