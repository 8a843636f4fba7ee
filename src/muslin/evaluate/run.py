"""`evaluate`: every protocol, seed and method, one after the other, and what came out."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from muslin.data.dataset import Dataset
from muslin.errors import UsageError
from muslin.evaluate import cache as store
from muslin.evaluate import origin, references
from muslin.evaluate.answers import CUTOFF, Answers, answer, floor, scores_of
from muslin.evaluate.audit import audit
from muslin.evaluate.exam import Ask, Block, Exam, Protocol, Scores, Terms
from muslin.evaluate.finding import Finding
from muslin.evaluate.leaks import ceiling
from muslin.evaluate.leaks.pictures import prints_of
from muslin.evaluate.protocol import DEFAULTS, check_ks, protocol
from muslin.evaluate.questions import named
from muslin.evaluate.result import BOUNDS, REFERENCES, Comparison, Facts, Result, Row
from muslin.evaluate.rows import figures
from muslin.evaluate.versions import versions
from muslin.features.space import World
from muslin.method import Fitted
from muslin.progress import track

Fit = Callable[[str, World, int], Fitted]
"""Fits the method of that name to a world, with that seed."""


class Ready(NamedTuple):
    """Something that learned from the world of exams of one cut: its scores in each, and what learning cost."""

    scores: Callable[[Exam], Scores]
    cpu_s: float


Prepare = Callable[[str, Sequence[Exam]], AbstractContextManager[Ready]]
"""Lets the entrant of that name learn from the world that the exams share, and holds what it learned meanwhile."""

_NEW_GARMENTS = ("item-cold", "both-cold", "k-shot", "time", "mixed")
"""Protocols in which a garment could be recognised by its picture."""

Asked = dict[tuple[str, str], list[Answers]]
"""Answers by protocol and method, one per seed."""


@dataclass(frozen=True)
class _Step:
    """One method in the exams that one fit of it answers."""

    exams: tuple[Exam, ...]
    method: str


def evaluate(
    dataset: Dataset,
    prepare: Prepare,
    *,
    methods: Sequence[str],
    protocols: Sequence[str] = DEFAULTS,
    ks: Sequence[int] = (0, 1, 3),
    seeds: Sequence[int] = (0, 1, 2),
    max_users: int | None = None,
    cache: Path | store.Kept | None = None,
) -> Result:
    """Judge `methods` on `dataset`; `prepare` lets each of them learn (`fitted` for methods of this package).

    `popularity` always takes part, and so do the bounds: `random`, a fresh random order for every shopper, and the
    `oracle` where the dataset's truth lies beside it (`truth.safetensors`, planted data). `ks`: events revealed of new
    shoppers. `seeds`: one cut and one fit each; the figures are means over them. `max_users`: at most so many shoppers
    per question, the same for all methods; None asks all. `cache`: directory in which finished answers are kept, so
    that an interrupted run goes on where it stopped; with `cache.Kept`, of methods with other options too.

    Raises `UsageError` for an unknown protocol or bad numbers, `DataError` (`too_small`) when a cut leaves nothing to
    ask, `ModelError` (`non_finite_scores`) naming a method that gave NaN, and whatever `prepare` raises.
    """
    chosen = [protocol(name) for name in dict.fromkeys(protocols)]
    terms = [Terms(seed, check_ks(ks), _positive(max_users)) for seed in _distinct(seeds)]
    oracle = _oracle(dataset)
    names = tuple(dict.fromkeys((*REFERENCES, *(m for m in methods if m != "oracle" or not oracle))))
    if oracle:
        names = (*names, "oracle")
    finished = _Finished.of(store.Kept(cache) if isinstance(cache, Path) else cache, dataset, terms[0], names)
    findings: list[Finding] = []
    asked: Asked = {}
    cuts = _by_cut(chosen)
    total = len(cuts) * len(terms) * len(names)
    for step in track(_steps(dataset, cuts, terms, names, findings), "evaluate", total):
        with ExitStack() as held:
            once = _Once(step, prepare, held)
            for exam in step.exams:
                make = partial(_answers, exam, step.method, once, oracle, checked=exam.seed == terms[0].seed)
                asked.setdefault((exam.protocol, step.method), []).append(finished.read(exam, step.method, make))
    return _result(dataset, chosen, terms, names, asked, tuple(findings))


def fitted(fit: Fit) -> Prepare:
    """Methods that `fit` fits."""

    @contextmanager
    def prepare(name: str, exams: Sequence[Exam]) -> Iterator[Ready]:
        started = time.process_time()
        learned = fit(name, exams[0].world, exams[0].seed)
        spent = time.process_time() - started
        yield Ready(lambda exam: scores_of(learned, exam), spent)

    return prepare


def _by_cut(protocols: Sequence[Protocol]) -> list[list[Protocol]]:
    """Protocols that hide the same events together."""
    found: dict[str, list[Protocol]] = {}
    for one in protocols:
        found.setdefault(one.cut or one.name, []).append(one)
    return list(found.values())


@dataclass(frozen=True)
class _Finished:
    """Finished answers of an evaluation, kept in `root` by the data (`base`) and each entrant's code; None: nowhere."""

    root: Path | None
    base: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, kept: store.Kept | None, dataset: Dataset, terms: Terms, methods: Sequence[str]) -> "_Finished":
        if kept is None:
            return cls(None)
        codes = {name: origin.digest(name) + kept.variants.get(name, "") for name in methods}
        return cls(kept.root, store.base_key(dataset, terms), codes)

    def read(self, exam: Exam, method: str, make: Callable[[], Answers]) -> Answers:
        """The answers as they are kept, else made and kept."""
        if self.root is None:
            return make()
        entry = store.place(self.root, self.base, exam.protocol, exam.seed, method, code=self.codes[method])
        answers = store.read(entry)
        if answers is None:
            answers = make()
            store.write(entry, answers)
        return answers


class _Once:
    """Prepares when first asked to, until `held` closes: not at all when all answers are known."""

    def __init__(self, step: _Step, prepare: Prepare, held: ExitStack) -> None:
        self._step, self._prepare, self._held = step, prepare, held

    @cached_property
    def ready(self) -> Ready:
        return self._held.enter_context(self._prepare(self._step.method, self._step.exams))


def _steps(
    dataset: Dataset,
    cuts: list[list[Protocol]],
    terms: list[Terms],
    methods: tuple[str, ...],
    findings: list[Finding],
) -> Iterator[_Step]:
    """Every method in every exam; those of one cut together, audited, and dropped before the next."""
    prints = prints_of(dataset) if any(p.name in _NEW_GARMENTS for protocols in cuts for p in protocols) else None
    for protocols in cuts:
        for term in terms:
            exams = tuple(p.build(dataset, term) for p in protocols)
            for exam in exams:
                findings += audit(dataset, exam, prints)
            for method in methods:
                yield _Step(exams, method)


def _answers(exam: Exam, method: str, once: _Once, oracle: Scores | None, *, checked: bool) -> Answers:
    """Answers of one entrant; with `checked`, a baseline that has a reference is held against it."""
    if method == "random":
        return answer(exam, "random", floor, 0.0)
    if method == "oracle" and oracle:
        return answer(exam, "oracle", oracle, 0.0)
    scores = once.ready.scores(exam)
    found = references.checked(exam, method, scores) if checked else None
    return replace(answer(exam, method, scores, once.ready.cpu_s), findings=(found,) if found else ())


def _oracle(dataset: Dataset) -> Scores | None:
    """Scores by the planted truth, None where the dataset has none."""
    if dataset.root is None or not (dataset.root / "truth.safetensors").is_file():
        return None
    from muslin.data.sources.boutique import load_truth

    truth = load_truth(dataset.root)
    if truth is None:
        return None

    def scores(ask: Ask, rows: slice) -> Block:
        users, items = ask.users[rows], ask.items
        logs = truth.scores(users, items.catalogue.ids[items.rows].tolist())
        # What cannot happen has a log of minus infinity; it belongs last, and scores are finite.
        return Block(np.nan_to_num(logs, neginf=-1e30), np.zeros(len(users), dtype=bool))

    return scores


def _result(
    dataset: Dataset,
    protocols: list[Protocol],
    terms: list[Terms],
    methods: tuple[str, ...],
    asked: Asked,
    findings: tuple[Finding, ...],
) -> Result:
    rows: list[Row] = []
    comparisons: list[Comparison] = []
    for chosen in protocols:
        found, compared = figures(dataset, chosen, {m: asked[chosen.name, m] for m in methods})
        rows += found
        comparisons += compared
    facts = Facts(
        dataset=dataset.schema.name,
        n_users=len(dataset.users),
        n_items=len(dataset.items),
        n_events=len(dataset.events),
        methods=methods,
        protocols=tuple(p.name for p in protocols),
        seeds=tuple(t.seed for t in terms),
        ks=terms[0].ks,
        max_users=terms[0].max_users,
        cutoff=CUTOFF,
        fallback=_fallback(asked),
        versions=versions(),
    )
    return Result(tuple(rows), tuple(comparisons), (*findings, *_checked(asked, terms)), facts)


def _checked(asked: Asked, terms: list[Terms]) -> Iterator[Finding]:
    """What was found of the methods themselves: too weak for what they are called, or too good to be honest."""
    for (name, method), answers in asked.items():
        # In `mixed` the oracle too is moved by an offset, and is no ceiling.
        best = asked.get((name, "oracle")) if method not in BOUNDS and name != "mixed" else None
        for place, one in enumerate(answers):
            yield from one.findings
            found = ceiling.above(name, terms[place].seed, one, best[place], method) if best else None
            if found and found.violation:
                yield found


def _fallback(asked: Asked) -> dict[str, dict[str, float]]:
    """By question and method, the share of shoppers of whom the method knew nothing and who got popularity."""
    found: dict[str, dict[str, float]] = {}
    for (name, method), answers in asked.items():
        lists = (
            pl.concat([a.lists for a in answers])
            .group_by("view", "k", maintain_order=True)
            .agg(pl.col("fallback").mean())
        )
        for row in lists.filter(pl.col("fallback") > 0).iter_rows(named=True):
            found.setdefault(named(name, row["view"], row["k"]), {})[method] = row["fallback"]
    return found


def _distinct(seeds: Sequence[int]) -> tuple[int, ...]:
    if not seeds:
        raise UsageError("at least one seed is needed", code="no_seed", where="--seeds", fix="say --seeds 3")
    return tuple(dict.fromkeys(seeds))


def _positive(max_users: int | None) -> int | None:
    if max_users is not None and max_users < 1:
        raise UsageError(
            f"max_users must be 1 or more, got {max_users}", code="bad_limit", fix="leave it out to ask all"
        )
    return max_users
