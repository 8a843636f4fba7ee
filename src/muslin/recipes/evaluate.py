"""Judge methods and peers on a dataset."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from muslin import registry
from muslin.data.dataset import Dataset
from muslin.errors import UsageError
from muslin.evaluate import run
from muslin.evaluate.cache import Kept
from muslin.evaluate.exam import Ask, Block, Exam
from muslin.evaluate.protocol import DEFAULTS, protocol
from muslin.evaluate.result import Result
from muslin.evaluate.run import Ready
from muslin.features.embed import refuse_taught
from muslin.features.space import World
from muslin.method import Fitted
from muslin.peers import answers, environment, known
from muslin.recipes.fit import DEFAULT_METHOD, Recipe, fit_world

USUAL = ("popularity_category", "content_knn", "content_blend", "ials", "ease_content", DEFAULT_METHOD)
"""What is judged unless told otherwise: one method of each kind, in minutes."""

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
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Result:
    """Figures of `methods` (`USUAL` unless given) under `protocols`, each fitted anew on every cut.

    `methods` may name peers too (`muslin.peers`), which must be installed. `ks`: events revealed of what is new.
    `seeds`: how many cuts, or which. `max_users`: shoppers asked per question at most. `cache`: directory for finished
    answers, from which an interrupted evaluation goes on. `options`: those of a method or peer that differ from its
    defaults, by name. Raises `UsageError` for unknown names, bad numbers, a peer that is not installed, and a picture
    encoder that these events taught, before anything is fitted; and what `muslin.evaluate.run.evaluate` raises.
    """
    chosen = USUAL if methods is None else tuple(methods)
    check(protocols, chosen)
    refuse_taught(dataset)
    planted = dataset.root is not None and (dataset.root / "truth.safetensors").is_file()
    if ORACLE in chosen and not planted:
        message, fix = "only a planted dataset has an oracle", "leave it out, or evaluate a boutique"
        raise UsageError(message, code="no_oracle", where="methods", fix=fix)
    return run.evaluate(
        dataset,
        partial(_prepared, options or {}),
        methods=chosen,
        protocols=protocols,
        ks=ks,
        seeds=range(seeds) if isinstance(seeds, int) else seeds,
        max_users=max_users,
        cache=Kept(cache, {n: repr(sorted(own.items())) for n, own in (options or {}).items()}) if cache else None,
    )


def check(protocols: Sequence[str], methods: Sequence[str] | None) -> None:
    """Raise `UsageError` for a protocol, method or peer that does not exist, or a peer that is not installed."""
    for name in protocols:
        protocol(name)
    for name in methods or ():
        if name in known.names():
            environment.python(known.peer(name))
        elif name != ORACLE:
            registry.entry(name)


@contextmanager
def _prepared(options: Mapping[str, Mapping[str, Any]], name: str, exams: Sequence[Exam]) -> Iterator[Ready]:
    """A peer in a process of its own, or a method of this package."""
    own = options.get(name, {})
    if name not in known.names():
        with run.fitted(partial(_fit, own))(name, exams) as ready:
            yield ready
        return
    with TemporaryDirectory(prefix="muslin-peer-") as folder:
        asks = [ask for exam in exams for ask in exam.asks]
        answered = answers.put(exams[0].world, asks, name, Path(folder), seed=exams[0].seed, options=own)
        yield Ready(lambda _exam: partial(_scores, answered), answered.fit_cpu_s)


def _scores(answered: answers.Answered, ask: Ask, rows: slice) -> Block:
    return Block(*answered.scores(ask, rows))


def _fit(options: Mapping[str, Any], method: str, world: World, seed: int) -> Fitted:
    return fit_world(Recipe(method=method, options=options), world, seed)
