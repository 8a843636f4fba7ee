"""Fit a method to a dataset.

A method that learns by gradient is trained twice: first without a twentieth of the families, to find after how many
epochs it ranks garments it has never seen best, and then on everything for exactly that long. Nothing is lost to
validation, and the parameters belong to the rows of the whole dataset.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from muslin import registry
from muslin.config import as_options, resolve
from muslin.data.dataset import Dataset
from muslin.data.splits import rehearsal, validation
from muslin.engine.model import Model
from muslin.errors import DataError
from muslin.features.space import World, encode
from muslin.method import Examined, Fitted, Rehearsed, Trainable
from muslin.recipes.blind import Hidden, blinded
from muslin.recipes.left_out import left_out
from muslin.recipes.validate import cold_ndcg
from muslin.train.loop import Run, train
from muslin.types import Params

DEFAULT_METHOD = "muslin"
"""What `fit` uses unless told otherwise; the honest evaluation decides."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to fit: a method and the options that differ from its defaults."""

    method: str = DEFAULT_METHOD
    options: Mapping[str, Any] = field(default_factory=dict)
    hidden: Hidden = field(default_factory=Hidden)
    """Features the method must do without."""

    def config(self) -> Any:
        """Resolved config; raises `UsageError` for an unknown method or option."""
        return resolve(registry.entry(self.method).config, self.options, where=f"method {self.method}")


def fit(
    dataset: Dataset,
    method: str = DEFAULT_METHOD,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
) -> Model:
    """Model of `dataset` by `method` with `options`.

    With `checkpoint` (a directory) training saves its state there and continues from it after an interruption, to
    bit-identical results. Raises `UsageError` for an unknown method or option, `DataError` when there are no events.
    """
    recipe = Recipe(method=method, options=options or {})
    config = recipe.config()
    world = encode(dataset)
    if not len(world.data.events):
        fix = "check the event types and their weights in dataset.toml"
        raise DataError("the dataset has no events that show a liking", code="no_events", fix=fix)
    fitted = fit_world(recipe, world, seed, checkpoint)
    return Model(method=method, options=as_options(config), seed=seed, fitted=fitted, world=world)


def fit_world(recipe: Recipe, world: World, seed: int, checkpoint: Path | None = None) -> Fitted:
    """Fitted method on the training rows of an encoded dataset."""
    seeing = registry.build(recipe.method, recipe.config())
    data = world.training(seeing.evidence)
    method = blinded(seeing, recipe.hidden, world.shoppers.features, data.tastes)
    if not isinstance(method, Trainable):
        return Fitted(method, method.init(data, seed))
    run = Run(f"{recipe.method} {_fingerprint(recipe, world)}", seed)
    found = _search(method, world, replace(run, checkpoint=_file(checkpoint, "search")))
    final = replace(run, checkpoint=_file(checkpoint, "final"), epochs=found.epochs)
    return Fitted(method, train(method, data, final).params | found.taught)


class _Found(NamedTuple):
    """How long to train, None for the whole schedule, and what was learned of garments left out."""

    epochs: int | None
    taught: Params


def _search(method: Trainable, world: World, run: Run) -> _Found:
    """Epochs after which strictly held-out items are ranked best, and what these teach a `Rehearsed` method.

    A method that is `Examined` leaves out what it thinks fit instead. On too little data nothing is found.
    """
    if isinstance(method, Examined):
        exam = method.held_out(world.training(method.evidence), run.seed)
        return _Found(train(method, exam[0], run, exam[1]).epochs if exam else None, {})
    rehearsed = isinstance(method, Rehearsed)
    try:
        split = rehearsal(world.dataset, run.seed) if rehearsed else validation(world.dataset, run.seed)
    except DataError:
        return _Found(None, {})
    inner = encode(split.train)
    trained = train(method, inner.training(method.evidence), run, cold_ndcg(method, inner, split))
    if not isinstance(method, Rehearsed):
        return _Found(trained.epochs, {})
    taught = left_out(inner, split, world.dataset, method.evidence, run.seed)
    return _Found(trained.epochs, method.rehearse(trained.params, taught, run.seed))


def _file(directory: Path | None, name: str) -> Path | None:
    return None if directory is None else directory / f"{name}.safetensors"


def _fingerprint(recipe: Recipe, world: World) -> str:
    """Short hash of config and training data: two runs with the same one are the same run."""
    hidden = (sorted(recipe.hidden.items), sorted(recipe.hidden.profile))
    digest = hashlib.sha256(repr((sorted(as_options(recipe.config()).items()), hidden)).encode())
    data = world.data
    for part in (*data.events.__dict__.values(), data.catalogue.family, data.catalogue.category):
        digest.update(np.ascontiguousarray(part).tobytes())
    for side in (data.catalogue, data.shoppers):
        digest.update("\n".join(side.ids).encode())
        matrix = side.features.matrix
        for part in (matrix.data, matrix.indices, matrix.indptr, *(d.vectors for d in side.features.dense)):
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]
