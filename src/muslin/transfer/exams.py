"""The questions of a crossing, put to a model of any world: the same shoppers, the same garments of the target."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from muslin.data.crossing import Crossing
from muslin.data.cutting import Split
from muslin.evaluate.answers import CUTOFF, Answers, answer, scores_of
from muslin.evaluate.exam import Ask, Candidates, Exam, Protocol, Terms, Told, ask
from muslin.evaluate.metrics import Pairs, parts, values
from muslin.features.space import World
from muslin.method import Fitted


@dataclass(frozen=True)
class Sitting:
    """A world, and the exams of one crossing set in it: `choose` and `prove`."""

    world: World
    choose: Exam
    prove: Exam


def sitting(cut: Crossing, world: World, seed: int) -> Sitting:
    """Exams of `cut` for what learned from `world`: candidates are the target's garments with a training event."""
    return Sitting(world, _exam(cut, world, "choose", seed), _exam(cut, world, "prove", seed))


def marks(fitted: Fitted, exam: Exam) -> dict[str, float]:
    """NDCG@20 by segment."""
    return _marks(answered(fitted, exam, "choose"))


def answered(fitted: Fitted, exam: Exam, name: str, cpu_s: float = 0.0) -> Answers:
    """Answers of a fitted method."""
    return answer(exam, name, scores_of(fitted, exam), cpu_s)


def judged(cut: Crossing) -> Protocol:
    """How answers to a crossing are judged: each segment by itself."""

    def build(_dataset: object, _terms: Terms) -> Exam:
        raise NotImplementedError("a crossing is built by `sitting`")

    return Protocol(f"{cut.source} to {cut.target}", "shoppers of the target", ((None, None),), build)


def _marks(answers: Answers) -> dict[str, float]:
    found = {}
    for (segment,), rows in answers.pairs.group_by("view", maintain_order=True):
        user, item = (rows[c].rank("dense").cast(pl.Int64).to_numpy() - 1 for c in ("user_id", "item_id"))
        order = np.lexsort((item, user))
        pairs = Pairs(user[order], item[order], rows["rank"].to_numpy()[order, None])
        found[str(segment)] = float(values(parts(pairs, CUTOFF)[f"ndcg@{CUTOFF}"])[0])
    return found


def _exam(cut: Crossing, world: World, part: str, seed: int) -> Exam:
    split = Split(cut.train, cut.query, cut.train.events.clear(), frozenset())
    return Exam(f"{cut.source} to {cut.target}", seed, split, world, _asks(cut, world, part))


def _asks(cut: Crossing, world: World, part: str) -> tuple[Ask, ...]:
    rows = np.sort(world.item_rows(list(cut.candidates)))
    among = Candidates(rows, np.full(len(rows), "all", dtype=object))
    left_out = cut.taken.with_columns(weight=pl.lit(1.0, dtype=pl.Float32))
    told = Told(k=None, left_out=left_out)
    asked = cut.query.filter(pl.col("part") == part)
    return tuple(
        ask(world, segment, asked.filter(pl.col("segment") == segment), among, told, domain=cut.target)
        for segment in cut.segments()
    )
