"""One method in several forms, put to the same questions and compared pair by pair: what an ablation is made of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from muslin.data.dataset import Dataset
from muslin.evaluate import cache as store
from muslin.evaluate import origin
from muslin.evaluate.answers import Answers, answer, scores_of
from muslin.evaluate.exam import Exam, Terms
from muslin.evaluate.protocol import protocol
from muslin.evaluate.result import Comparison, Row
from muslin.evaluate.rows import contrasts
from muslin.evaluate.run import Fit
from muslin.progress import track


@dataclass(frozen=True)
class Contrast:
    """Headline rows of each form (`method` is its name), and the differences asked for, `best` minus `other`."""

    rows: tuple[Row, ...]
    differences: tuple[Comparison, ...]


def contrast(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    pairs: Sequence[tuple[str, str]],
    *,
    protocols: Sequence[str],
    terms: Sequence[Terms],
    cache: Path | None = None,
) -> Contrast:
    """Figures of every form in `fits` under `protocols`, and of `pairs` the first less the second.

    `terms`: one cut and one fit of each form for each. `cache`: directory for finished answers, which the forms must
    not share with others of the same name. Raises as `evaluate.run.evaluate` does.
    """
    base, code = (store.base_key(dataset, terms[0]), origin.everything()) if cache else ("", "")
    rows: list[Row] = []
    differences: list[Comparison] = []
    for name in protocols:
        chosen = protocol(name)
        answered: dict[str, list[Answers]] = {form: [] for form in fits}
        exams = (chosen.build(dataset, term) for term in terms)
        for exam, form in track(_steps(exams, fits), f"{name}, without and with", len(terms) * len(fits)):
            entry = store.place(cache, base, name, exam.seed, form, code=code) if cache else None
            found = store.read(entry) if entry else None
            if found is None:
                fitted = fits[form](form, exam.world, exam.seed)
                found = answer(exam, form, scores_of(fitted, exam), 0.0)
                if entry:
                    store.write(entry, found)
            answered[form].append(found)
        some, compared = contrasts(dataset, chosen, answered, pairs)
        rows += some
        differences += compared
    return Contrast(tuple(rows), tuple(differences))


def _steps(exams: Iterator[Exam], fits: Mapping[str, Fit]) -> Iterator[tuple[Exam, str]]:
    for exam in exams:
        for form in fits:
            yield exam, form
