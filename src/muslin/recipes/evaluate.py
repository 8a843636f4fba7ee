"""Judge methods, with their default options, on a dataset."""

from collections.abc import Sequence
from pathlib import Path

from muslin import registry
from muslin.data.dataset import Dataset
from muslin.errors import UsageError
from muslin.evaluate import run
from muslin.evaluate.protocol import DEFAULTS, protocol
from muslin.evaluate.result import Result
from muslin.features.embed import refuse_taught
from muslin.features.space import World
from muslin.method import Fitted
from muslin.recipes.fit import Recipe, fit_world

ORACLE = "oracle"
"""Not a method: the truth of a planted dataset, which takes part wherever it is known."""


def evaluate(
    dataset: Dataset,
    *,
    protocols: Sequence[str] = DEFAULTS,
    methods: Sequence[str] | None = None,
    ks: Sequence[int] = (0, 1, 3),
    seeds: int | Sequence[int] = 3,
    max_users: int | None = None,
    cache: Path | None = None,
) -> Result:
    """Figures of `methods` (all registered ones unless given) under `protocols`, each fitted anew on every cut.

    `ks`: events revealed of new shoppers. `seeds`: how many cuts, or which. `max_users`: shoppers asked per question
    at most. `cache`: directory for finished answers, from which an interrupted evaluation goes on. Raises `UsageError`
    for unknown names, bad numbers, and a picture encoder that these events taught, before anything is fitted; and what
    `muslin.evaluate.run.evaluate` raises.
    """
    chosen = registry.names() if methods is None else tuple(methods)
    check(protocols, chosen)
    refuse_taught(dataset)
    known = dataset.root is not None and (dataset.root / "truth.safetensors").is_file()
    if ORACLE in chosen and not known:
        message, fix = "only a planted dataset has an oracle", "leave it out, or evaluate a boutique"
        raise UsageError(message, code="no_oracle", where="methods", fix=fix)
    return run.evaluate(
        dataset,
        _fit,
        methods=chosen,
        protocols=protocols,
        ks=ks,
        seeds=range(seeds) if isinstance(seeds, int) else seeds,
        max_users=max_users,
        cache=cache,
    )


def check(protocols: Sequence[str], methods: Sequence[str] | None) -> None:
    """Raise `UsageError` naming the nearest for a protocol or method that does not exist."""
    for name in protocols:
        protocol(name)
    for name in methods or ():
        if name != ORACLE:
            registry.entry(name)


def _fit(method: str, world: World, seed: int) -> Fitted:
    return fit_world(Recipe(method=method), world, seed)
