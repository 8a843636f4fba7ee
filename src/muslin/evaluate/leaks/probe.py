"""Probes of a method: does it know more than it was given? Each fits it anew, on a small dataset in seconds."""

from collections.abc import Callable
from pathlib import Path

from muslin.data.dataset import Dataset
from muslin.evaluate.answers import answer, scores_of
from muslin.evaluate.exam import Exam, Protocol, Terms
from muslin.evaluate.finding import Finding
from muslin.evaluate.leaks import coins, sealed
from muslin.features.space import World
from muslin.method import Fitted

Fit = Callable[[str, World, int], Fitted]
"""Fits the method of that name to a world, with that seed."""


def guesses(exam: Exam, fit: Fit, method: str) -> Finding:
    """Whether `method`, fitted to an `exam` on a dataset `coins.with_coins`, knows hidden coins."""
    return coins.guessed(exam, scores_of(fit(method, exam.world, exam.seed), exam), method)


def lookups(dataset: Dataset, protocol: Protocol, terms: Terms, fit: Fit, method: str) -> Finding:
    """Whether `method` answers worse when nothing but the world is left to it."""
    exams = [protocol.build(whole, terms) for whole in (dataset, sealed.renamed(dataset))]
    before, after = (answer(e, method, scores_of(fit(method, e.world, e.seed), e), 0.0) for e in exams)
    return sealed.lost(exams[0], before, after, method)


def probe(
    dataset: Dataset, protocol: Protocol, terms: Terms, fit: Fit, method: str, *, folder: Path
) -> tuple[Finding, Finding]:
    """Both probes of `method` under one protocol; `folder`: an empty directory for the dataset with coins."""
    exam = protocol.build(coins.with_coins(dataset, terms.seed, folder), terms)
    return guesses(exam, fit, method), lookups(dataset, protocol, terms, fit, method)
