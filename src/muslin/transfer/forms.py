"""The forms a model of the target can take: without the source, the source's own, and all that lies between."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import torch

from muslin import registry
from muslin.config import resolve
from muslin.data.crossing import Crossing
from muslin.data.dataset import Dataset
from muslin.features.matching import Match, match
from muslin.features.space import Space, World, encode
from muslin.method import Fitted, Side, Transferable
from muslin.nets.carry import Carried, carry
from muslin.nets.fine_tuning import FineTuning, Tuning
from muslin.nets.fisher import information
from muslin.nets.transfer import interpolated
from muslin.recipes.fit import Recipe, fit_world
from muslin.train.loop import Run, train
from muslin.transfer.exams import Sitting, marks, sitting
from muslin.transfer.plan import LEARNER, Plan
from muslin.types import Bools, Csr, Params, TrainData

Kind: TypeAlias = Literal["null", "frozen", "transferred", "joint", "bridge", "beside"]

_STRANGE = 0.5
"""Share of the pairs of fine-tuning whose shopper is shown as one new to the target: half of those to come are."""

BY_IDS = "ease"
"""Stands in for the learner where garments have no features: it knows who took what, and nothing can be carried."""


@dataclass(frozen=True, eq=False)
class Form:
    """A fitted form. `popularity`: of the learner; `strength`, `beta`, `epochs`: of a transferred one."""

    name: str
    kind: Kind
    fitted: Fitted
    at: Sitting
    marks: dict[str, float]
    cpu_s: float
    popularity: float | None = None
    strength: float | None = None
    beta: float | None = None
    epochs: int | None = None


class Source(NamedTuple):
    """What the learner learned of the source, the feature tables its parameters belong to, and which features it met.

    `met`: by side, [D] whether any training row of the source has the feature.
    """

    params: Params
    space: Space
    met: Mapping[Side, Bools]


@dataclass(frozen=True, eq=False)
class Ground:
    """What all forms of one crossing share: the worlds of both domains and of the target alone, and the source."""

    cut: Crossing
    plan: Plan
    seed: int
    whole: Sitting
    alone: Sitting
    source: Source | None
    """None where garments have no features that parameters could be about."""

    @property
    def learner(self) -> Transferable:
        """The method whose parameters are carried."""
        return learner(self.plan.options)

    def carried(self) -> Carried | None:
        """The source's parameters where the target begins."""
        return None if self.source is None else begun(self.plan, self.source, self.whole.world, self.seed)

    @property
    def usual(self) -> str:
        """The method that is fitted to the target alone, and to both domains as if they were one."""
        return BY_IDS if self.source is None else LEARNER

    @property
    def bridges(self) -> tuple[str, ...]:
        """Methods of the plan that learn from shoppers in both domains, where there are any."""
        return self.plan.bridges if self.cut.shared() else ()


def learner(options: Mapping[str, Any]) -> Transferable:
    """The method whose parameters are carried, with `options`."""
    found = registry.build(LEARNER, resolve(registry.entry(LEARNER).config, options, where=f"method {LEARNER}"))
    if not isinstance(found, Transferable):
        raise TypeError(f"{LEARNER} cannot be carried")
    return found


def ground(cut: Crossing, plan: Plan, seed: int, source: Source | None = None) -> Ground:
    """Worlds of `cut`, and the source, learned from its events alone unless it is given."""
    world = encode(cut.train)
    alone = encode(cut.only(cut.target))
    described = bool(world.space.items.columns or world.space.items.vectors)
    known = source or (pretrained(cut.only(cut.source), plan, world.space, seed) if described else None)
    return Ground(cut, plan, seed, sitting(cut, world, seed), sitting(cut, alone, seed), known)


def pretrained(source: Dataset, plan: Plan, space: Space, seed: int) -> Source:
    """The learner fitted to the events of the source alone, over the features of `space`."""
    world = encode(source, space)
    params = fit_world(Recipe(method=LEARNER, options=plan.options), world, seed).params
    sides: tuple[tuple[Side, Csr], ...] = (
        ("items", world.data.catalogue.features.matrix),
        ("shoppers", world.data.shoppers.features.matrix),
    )
    return Source(params, space, {side: np.asarray(matrix.getnnz(axis=0)).ravel() > 0 for side, matrix in sides})


def begun(plan: Plan, source: Source, world: World, seed: int) -> Carried:
    """`source` where the target's `world` begins. Raises `UsageError` where its features clash with the target's.

    A feature that the source did not meet begins at zero: until the target's events speak it says nothing. A random
    beginning, good enough for a network that knows nothing at all, would drown what the source does know.
    """
    method = learner(plan.options)
    own = method.init(world.training(method.evidence), seed)
    for name in frozenset[str]().union(*method.groups(own)):
        if method.sides.get(name.partition("/")[0]) in ("items", "shoppers"):
            own[name] = torch.zeros_like(own[name])
    found: dict[Side, Match] = {
        "items": match(source.space.items, world.space.items).among(source.met["items"]),
        "shoppers": match(source.space.users, world.space.users).among(source.met["shoppers"]),
    }
    return carry(source.params, own, method.sides, found)


def forms(ground: Ground) -> Iterator[Form]:
    """All forms, one after the other, those of the target alone first.

    The better one of popularity and the usual method, fitted to the target alone, is what not transferring means.
    """
    for name in ("popularity", ground.usual):
        yield _fitted(ground, name, "null", ground.alone)
    carried = ground.carried()
    if carried is not None:
        yield _weighed(ground, "source, frozen", "frozen", carried.start, ground.whole)
        for strength in ground.plan.strengths:
            if not math.isinf(strength):
                yield from tuned(ground, carried, strength)
    yield _fitted(ground, ground.usual, "joint", ground.whole)
    for name in ground.bridges:
        yield _fitted(ground, name, "bridge", ground.whole)
    for name in ground.plan.against:
        yield _fitted(ground, name, "beside", ground.whole)


def tuned(ground: Ground, carried: Carried, strength: float, epochs: int | None = None) -> Iterator[Form]:
    """The source's parameters fine-tuned on the target with lambda `strength`, and the ways there."""
    started = time.process_time()
    method = fine_tuning(ground.learner, carried, ground.plan, strength, ground.whole.world, ground.seed)
    run = Run(f"lambda {strength:g}", ground.seed, epochs=epochs)
    data = wanting(ground.whole.world, ground.cut.target)
    found = train(method, data, run, None if epochs else _validation(ground, method))
    spent = time.process_time() - started
    for beta in ground.plan.betas:
        params = interpolated(found.params, carried.source, beta)
        name = f"lambda {strength:g}" + ("" if beta == 1 else f", beta {beta:g}")
        form = _weighed(ground, name, "transferred", params, ground.whole, spent)
        yield replace(form, strength=strength, beta=beta, epochs=found.epochs)


def fine_tuning(
    base: Transferable, carried: Carried, plan: Plan, strength: float, world: World, seed: int
) -> FineTuning:
    """How `base` is trained on the target with lambda `strength`."""
    tuning = Tuning(regulariser=plan.regulariser, strength=strength, unfreezing=plan.unfreezing)
    known: Params = {}
    if plan.regulariser == "l2_sp_fisher":
        known = information(base, carried.start, base.batches(wanting(world, plan.source), seed, 0))
    return FineTuning(base, carried, tuning, known)


def wanting(world: World, domain: str) -> TrainData:
    """The training data of `world`, of which only garments of `domain` are asked for."""
    data = world.data
    return replace(data, wanted=data.catalogue.domain == data.catalogue.domains.index(domain), strange=_STRANGE)


def _validation(ground: Ground, method: FineTuning) -> Callable[[Params], float]:
    def validate(params: Params) -> float:
        return float(np.mean(list(marks(Fitted(method, params), ground.whole.choose).values())))

    return validate


def _fitted(ground: Ground, name: str, kind: Kind, at: Sitting) -> Form:
    started = time.process_time()
    options = ground.plan.options if name == LEARNER else {}
    fitted = fit_world(Recipe(method=name, options=options), at.world, ground.seed)
    spent = time.process_time() - started
    label = {"null": f"{name}, target only", "joint": f"{name}, both domains"}.get(kind, name)
    if name == LEARNER:
        return _weighed(ground, label, kind, fitted.params, at, spent)
    return Form(label, kind, fitted, at, marks(fitted, at.choose), spent)


def _weighed(ground: Ground, name: str, kind: Kind, params: Params, at: Sitting, cpu_s: float = 0.0) -> Form:
    """The learner with the weight of what sells that ranks best where models are chosen."""
    found = []
    for weight in ground.plan.popularity:
        fitted = Fitted(learner({**ground.plan.options, "popularity": weight}), params)
        found.append(Form(name, kind, fitted, at, marks(fitted, at.choose), cpu_s, popularity=weight))
    return max(found, key=lambda form: sum(form.marks.values()))
