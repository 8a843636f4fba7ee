"""Teach the picture encoder what a shop's customers take together, and keep the lesson only where it helps.

Some families are kept from all training to judge by, and some of the rest to stop by. The stages that lead to the one
asked for (`nets.picture_tuning`) are trained without both; then cosines of the tuned and of the frozen vectors rank the
garments that neither has met. Where the 95 % interval of the difference lies above zero, all stages are trained again
on everything, each as long as was found best; elsewhere the frozen encoder is what is written.
"""

import hashlib
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from muslin.config import as_options, resolve
from muslin.data.dataset import Dataset
from muslin.data.splits import validation
from muslin.data.staging import check_destination
from muslin.errors import DataError
from muslin.evaluate.answers import Answers, answer, scores_of
from muslin.evaluate.exam import Exam, Terms
from muslin.evaluate.protocol import protocol
from muslin.evaluate.rows import contrasts
from muslin.features.encoders import efficientnet_lite0, tuned_files
from muslin.features.encoders.efficientnet_lite0 import EfficientNetLite0
from muslin.features.encoders.tuned import About, Stage, Validation
from muslin.features.space import encode
from muslin.method import Fitted
from muslin.nets.picture_tuning import STAGES, Config, Pictures, PictureTuning, encoder_params, with_top
from muslin.nets.trunk_maps import trunk_maps
from muslin.nets.vector_cosine import VectorCosine
from muslin.recipes.pictured import Pictured, contents, pictured
from muslin.recipes.validate import cold_ndcg
from muslin.train.loop import Run, Validate, train
from muslin.types import Params, TrainData

DEFAULTS: dict[Stage, Mapping[str, Any]] = {
    "head": {},
    "adapter": {},
    "top": {"batch_size": 64, "negatives": 192, "steps": 100, "epochs": 4, "patience": 1, "learning_rate": 0.0001},
}
"""Options of the stages that differ from `Config`: a step of `top` costs a hundred times one of `head`."""
MAX_SHOPPERS = 5000
"""Shoppers asked when an encoder is judged."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to learn. `strength`: lambda of the penalty; infinite: nothing moves. `size`: side of pictures in pixels.

    `head` by default: on the H&M week neither `adapter` nor `top` added to it (`benchmarks.picture_tuning`).
    `options` of `nets.picture_tuning.Config`, for all stages alike.
    """

    stage: Stage = "head"
    strength: float = 0.0
    seed: int = 0
    size: int = efficientnet_lite0.SIZE
    options: Mapping[str, Any] = field(default_factory=dict)

    def config(self, stage: Stage) -> Config:
        """Options of `stage`; raises `UsageError` naming a bad one."""
        finite = 0.0 if self.strength == math.inf else self.strength
        given = {**DEFAULTS[stage], **self.options, "stage": stage, "strength": finite}
        found: Config = resolve(Config, given, where=f"stage {stage}")
        return replace(found, strength=self.strength)


@dataclass(frozen=True)
class TunedReport:
    """What came of it: `path` holds the tuned encoder where `helped`, the frozen one where not.

    `validation`: figures of both. `epochs` of each stage, `pictures` and `shoppers` learned from, `seconds` taken.
    """

    path: Path
    stage: Stage
    helped: bool
    validation: Validation
    epochs: Mapping[Stage, int]
    pictures: int
    shoppers: int
    seconds: float


def tune_pictures(
    dataset: Dataset,
    out: Path,
    plan: Plan | None = None,
    *,
    cache: Path | None = None,
    checkpoint: Path | None = None,
    overwrite: bool = False,
) -> TunedReport:
    """Write to `out` the picture encoder that `plan` asks for, taught by the events of `dataset`.

    `cache`: directory of vectors (default: that of the dataset). `checkpoint`: directory in which unfinished work is
    kept and found again, to bit-identical results; for `top` it takes 19 kB a picture besides. Raises `UsageError` for
    a bad plan or destination, `DataError` (`no_pictures`, `no_events`, `too_small`) where there is too little to learn
    from or to judge by.
    """
    plan, started = plan or Plan(), time.monotonic()
    for stage in STAGES[plan.stage]:
        plan.config(stage)
    check_destination(out, tuned_files.TUNING, overwrite=overwrite)
    with ExitStack() as stack:
        folder = checkpoint or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="muslin-tune-")))
        task = prepare(dataset, plan, folder, cache)
        search = searched(task)
        learned = finished(task, search) if search.helped else Learned({}, search.learned.epochs)
        _write(task, search, learned, out, overwrite=overwrite)
    data = task.seen.dataset
    return TunedReport(
        path=out,
        stage=plan.stage,
        helped=search.helped,
        validation=search.validation,
        epochs=learned.epochs,
        pictures=len(data.items),
        shoppers=len(data.users),
        seconds=time.monotonic() - started,
    )


class Learned(NamedTuple):
    """Parameters of the last stage, and the epochs of each."""

    params: Params
    epochs: Mapping[Stage, int]


@dataclass(frozen=True, eq=False)
class Task:
    """A plan with what it works on; `folder` keeps what is unfinished."""

    plan: Plan
    backbone: EfficientNetLite0
    seen: Pictured
    folder: Path

    def method(self, stage: Stage, before: Params | None) -> PictureTuning:
        """The stage after one that learned `before`."""
        if stage == "top" and before is not None:
            return PictureTuning(self.plan.config(stage), self._maps, with_top(before, self.backbone.params))
        return PictureTuning(self.plan.config(stage), self.seen.pictures, before)

    @cached_property
    def _maps(self) -> Pictures:
        path = self.folder / f"maps-{self.seen.digest}.f16"
        maps = trunk_maps(path, self.backbone, contents(self.seen), len(self.seen.ids))
        return Pictures(maps, self.seen.pictures.row)


def prepare(dataset: Dataset, plan: Plan, folder: Path, cache: Path | None) -> Task:
    """What `plan` works on. Raises as `tune_pictures` does."""
    backbone = efficientnet_lite0.load(plan.size)
    return Task(plan, backbone, pictured(dataset, backbone, cache), folder)


@dataclass(frozen=True, eq=False)
class Search:
    """What was learned without the items to judge by, and how it did on those."""

    learned: Learned
    validation: Validation

    @property
    def helped(self) -> bool:
        """Whether the tuned encoder is shown to be the better one."""
        return self.validation.low > 0


def searched(task: Task) -> Search:
    """Train on part of the data, stop by another and judge by a third. Raises `DataError` (`too_small`)."""
    seed = task.plan.seed
    try:
        exam = protocol("item-cold").build(task.seen.dataset, Terms(seed, max_users=MAX_SHOPPERS))
        cut = validation(exam.split.train, seed)
    except DataError:
        message = f"{len(task.seen.dataset.items)} garments with a picture and an event are too few to judge by"
        fix = "use the frozen encoder: efficientnet_lite0"
        raise DataError(message, code="too_small", where=task.seen.dataset.schema.name, fix=fix) from None
    inner = encode(cut.train)
    judge = cold_ndcg(VectorCosine(), inner, cut, max_users=MAX_SHOPPERS)

    def score(method: PictureTuning) -> Validate:
        return lambda params: judge({"vectors": method.vectors(params, inner.catalogue.ids)})

    learned = _learned(task, inner.data, "search", score=score)
    return Search(learned, judged(task, exam, learned.params))


def finished(task: Task, search: Search) -> Learned:
    """All stages trained on all of the data, for as long as `search` found best."""
    return _learned(task, encode(task.seen.dataset).data, "final", epochs=search.learned.epochs)


def judged(task: Task, exam: Exam, params: Params) -> Validation:
    """Frozen and tuned vectors, put to the same questions."""
    ids = exam.world.catalogue.ids
    frozen = torch.from_numpy(task.seen.pictures.inputs[task.seen.pictures.of(ids)])
    forms = {"tuned": task.method(task.plan.stage, params).vectors(params, ids), "frozen": frozen}
    answered = {name: [_answers(exam, name, {"vectors": vectors})] for name, vectors in forms.items()}
    rows, (gain,) = contrasts(task.seen.dataset, protocol("item-cold"), answered, [("tuned", "frozen")])
    by = {row.method: row for row in rows if row.metric == gain.metric}
    tuned = by["tuned"]
    return Validation(by["frozen"].value, tuned.value, gain.ci_low, gain.ci_high, tuned.n_users, tuned.n_items)


def _answers(exam: Exam, name: str, params: Params) -> Answers:
    within = replace(exam, asks=tuple(ask for ask in exam.asks if ask.view == "within"))
    return answer(within, name, scores_of(Fitted(VectorCosine(), params), within), 0.0)


def _learned(
    task: Task,
    data: TrainData,
    name: str,
    *,
    epochs: Mapping[Stage, int] | None = None,
    score: Callable[[PictureTuning], Validate] | None = None,
) -> Learned:
    """All stages in turn, each for `epochs`, or for as long as `score` finds best."""
    params: Params | None = None
    lengths: dict[Stage, int] = {}
    for stage in STAGES[task.plan.stage]:
        method = task.method(stage, params)
        run = Run(
            name=f"{stage} {_fingerprint(task, stage, data, lengths)}",
            seed=task.plan.seed,
            checkpoint=task.folder / f"{name}-{stage}.safetensors",
            epochs=None if epochs is None else epochs[stage],
        )
        found = train(method, data, run, score(method) if score else None)
        params, lengths[stage] = found.params, found.epochs
    return Learned(params or {}, lengths)


def _fingerprint(task: Task, stage: Stage, data: TrainData, before: Mapping[Stage, int]) -> str:
    """16 characters: two runs with the same ones are the same run. A stage is that of any plan that begins alike."""
    options = [sorted(as_options(task.plan.config(name)).items()) for name in (*before, stage)]
    digest = hashlib.sha256(f"{task.seen.digest} {options} {before}".encode())
    for part in (*data.events.__dict__.values(), data.catalogue.family, data.catalogue.category):
        digest.update(np.ascontiguousarray(part).tobytes())
    digest.update("\n".join(data.catalogue.ids).encode())
    return digest.hexdigest()[:16]


def _write(task: Task, search: Search, learned: Learned, out: Path, *, overwrite: bool) -> None:
    plan, params = task.plan, encoder_params(learned.params)
    about = About(
        stage=plan.stage if search.helped else "frozen",
        width=params["projection"].shape[1] if search.helped else task.backbone.width,
        size=plan.size,
        strength=None if math.isinf(plan.strength) else plan.strength,
        seed=plan.seed,
        epochs={str(name): count for name, count in learned.epochs.items()},
        validation=search.validation,
        weights=tuned_files.weights_digest(),
    )
    taught = task.seen.dataset.items["item_id"].to_list() if search.helped else []
    tuned_files.write(out, about, params, taught, overwrite=overwrite)
