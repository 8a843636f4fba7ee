"""`transfer`: pretrain on the source, carry, fine-tune on the target, and let shoppers decide whether it helped."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from muslin.data.crossing import Crossing, crossing
from muslin.data.dataset import Dataset
from muslin.errors import DataError
from muslin.evaluate.answers import CUTOFF, Answers
from muslin.evaluate.result import Comparison, Row
from muslin.evaluate.rows import contrasts
from muslin.progress import track
from muslin.transfer.exams import answered, judged
from muslin.transfer.forms import Form, Ground, forms, ground
from muslin.transfer.guard import Gain, Verdict, choose, verdict
from muslin.transfer.plan import Plan
from muslin.transfer.result import CurvePoint, FormRow, TransferResult

_SHIPPED = ("null", "frozen", "transferred", "joint", "bridge")


@dataclass(frozen=True)
class Tried:
    """One form over all cuts: as it was fitted in each, without what it learned, and its answers where it proves."""

    forms: list[Form]
    answers: list[Answers]

    @property
    def first(self) -> Form:
        """In the first cut."""
        return self.forms[0]


@dataclass(frozen=True)
class Trial:
    """Everything tried with one amount of target data, and what came of it."""

    tried: dict[str, Tried]
    verdict: Verdict
    rows: tuple[FormRow, ...]


def transfer(dataset: Dataset, plan: Plan, seed: int = 0) -> TransferResult:
    """Every form of `plan`, judged, and the guard's verdict; `seed` is that of the first cut.

    The target's own model, the source's and all between are fitted to the same events; shoppers new to the target and
    shoppers it knows are asked. Nothing is kept of the models: `ship` fits the winner to everything.
    Raises as `data.crossing.crossing` does, and `UsageError` (`column_clash`, `shape_clash`) as `features.matching`.
    """
    seeds = range(seed, seed + plan.seeds)
    cuts = _alike([crossing(dataset, plan.source, plan.target, s, share=plan.share) for s in seeds])
    grounds = [ground(cut, plan, s) for cut, s in zip(cuts, seeds, strict=True)]
    whole = trial(grounds)
    points: list[CurvePoint] = []
    for share in track(plan.shares, "learning curve"):
        thin = whole if share >= 1 else trial(_thinned(grounds, share))
        points += _points(thin, grounds, share)
    return TransferResult(
        dataset=dataset.schema.name,
        source=plan.source,
        target=plan.target,
        shared=cuts[0].shared(),
        carried=carried.listed() if (carried := grounds[0].carried()) else {},
        rows=whole.rows,
        verdict=whole.verdict,
        curve=tuple(points),
        seeds=plan.seeds,
    )


def _alike(cuts: Sequence[Crossing]) -> list[Crossing]:
    """`cuts` with the segments that every one of them asks about; which is near too few, only some may."""
    common = [name for name in cuts[0].segments() if all(name in cut.segments() for cut in cuts)]
    if not common:
        fix = "transfer on more events, or with one seed"
        raise DataError("no segment is asked about in every cut", code="too_small", where="events", fix=fix)
    return [replace(cut, query=cut.query.filter(pl.col("segment").is_in(common))) for cut in cuts]


def trial(grounds: Sequence[Ground]) -> Trial:
    """All forms on every ground, the choice among them, and the guard's verdict on it."""
    tried: dict[str, Tried] = {}
    for one in grounds:
        for form in _tracked(one):
            found = tried.setdefault(form.name, Tried([], []))
            found.answers.append(answered(form.fitted, form.at.prove, form.name, form.cpu_s))
            found.forms.append(replace(form, fitted=form.fitted._replace(params={})))
    segments = grounds[0].cut.segments()
    nulls: dict[str, str] = {segment: _best(tried, ("null",), (segment,)) for segment in segments}
    chosen = _best(tried, _SHIPPED, segments)
    rows, gains = _judged(grounds[0], tried, nulls)
    found_rows = tuple(_row(tried[row.method], row, gains[row.method, row.view]) for row in rows)
    of_chosen = [gains[chosen, segment] for segment in segments]
    return Trial(tried, verdict(_best(tried, ("null",), segments), chosen, of_chosen), found_rows)


def _tracked(one: Ground) -> Iterator[Form]:
    plan = one.plan
    tuned = 0 if one.source is None else 1 + int(np.isfinite(plan.strengths).sum()) * len(plan.betas)
    total = 3 + tuned + len(one.bridges) + len(plan.against)
    return iter(track(forms(one), f"{plan.source} to {plan.target}", total))


def _thinned(grounds: Sequence[Ground], share: float) -> list[Ground]:
    """The same with less of the target; the source is what it was, and only what is shipped is tried."""
    plan = replace(grounds[0].plan, against=())
    return [ground(one.cut.thinned(share, one.seed), plan, one.seed, one.source) for one in grounds]


def _best(tried: Mapping[str, Tried], kinds: Sequence[str], segments: Sequence[str]) -> str:
    """The form of one of `kinds` that ranks best where models are chosen, over `segments`."""
    marks = {name: [{s: f.marks[s] for s in segments} for f in t.forms] for name, t in tried.items()}
    return choose({name: found for name, found in marks.items() if tried[name].first.kind in kinds})


def _judged(
    one: Ground, tried: Mapping[str, Tried], nulls: Mapping[str, str]
) -> tuple[list[Row], dict[tuple[str, str], Gain]]:
    """Rows of the headline metric where forms prove, and every form's gain over its segment's null."""
    pairs = [(name, null) for null in dict.fromkeys(nulls.values()) for name in tried if name != null]
    answers = {name: found.answers for name, found in tried.items()}
    rows, compared = contrasts(one.cut.train, judged(one.cut), answers, pairs)
    rows = tuple(row for row in rows if row.metric == f"ndcg@{CUTOFF}")
    value = {(row.method, row.view): row.value for row in rows}
    gains = {(c.best, c.view): _gain(c, value) for c in compared if c.other == nulls[c.view]}
    for segment, null in nulls.items():
        own = value[null, segment]
        gains[null, segment] = Gain(segment, null, own, own, 0.0, 0.0, 0.0)
    return list(rows), gains


def _gain(c: Comparison, value: Mapping[tuple[str, str], float]) -> Gain:
    return Gain(c.view, c.other, value[c.other, c.view], value[c.best, c.view], c.value, c.ci_low, c.ci_high)


def _row(tried: Tried, row: Row, gain: Gain) -> FormRow:
    epochs = [form.epochs for form in tried.forms if form.epochs is not None]
    return FormRow(
        form=row.method,
        kind=tried.first.kind,
        segment=row.view,
        choose=float(np.mean([form.marks[row.view] for form in tried.forms])),
        value=row.value,
        low=row.ci_low or 0.0,
        high=row.ci_high or 0.0,
        gain=gain,
        n_users=row.n_users,
        popularity=tried.first.popularity,
        strength=tried.first.strength,
        beta=tried.first.beta,
        epochs=float(np.mean(epochs)) if epochs else None,
        cpu_s=row.fit_cpu_s,
    )


def _points(found: Trial, grounds: Sequence[Ground], share: float) -> list[CurvePoint]:
    events = [len(one.cut.thinned(share, one.seed).only(one.cut.target).events) for one in grounds]
    size = round(float(np.mean(events)))
    return [CurvePoint(share, size, found.verdict.chosen, gain) for gain in found.verdict.gains]
