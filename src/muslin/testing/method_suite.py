"""The conformance suite: what every method must do, whatever it does.

    from muslin.testing.method_suite import CHECKS
    @pytest.mark.parametrize("check", CHECKS)
    def test_mine(check): check(MyMethod(Config()))

Each check raises AssertionError with the reason.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import scipy.sparse as sp
import torch

from muslin.data.dataset import Dataset
from muslin.data.splits import item_cold
from muslin.features.space import World, encode
from muslin.method import Adaptable, Approximate, Calibrated, Scorer, Trainable, Uncertain
from muslin.testing.worlds import tiny_shop
from muslin.types import Csr, Items, Params, Support, TrainData

Check = Callable[[Scorer], None]


def init_is_deterministic(method: Scorer) -> None:
    """Same data and seed: the same parameters, bit for bit."""
    world = _world()
    first, second = method.init(_data(method, world), 3), method.init(_data(method, world), 3)
    assert first.keys() == second.keys(), "init gives other names each time"
    for name, value in first.items():
        assert torch.equal(value, second[name]), f"parameter {name!r} differs between two equal calls"


def params_are_finite(method: Scorer) -> None:
    """Parameters are finite tensors that safetensors can hold."""
    for name, value in method.init(_data(method, _world()), 0).items():
        assert isinstance(value, torch.Tensor), f"parameter {name!r} is not a tensor"
        assert torch.isfinite(value).all(), f"parameter {name!r} is not finite"


def scores_are_finite(method: Scorer) -> None:
    """Scores are finite float32 [U, I] for known and unknown shoppers, hot and cold items."""
    world = _world()
    users, items = world.users([*world.shoppers.ids[:5], "a stranger"], evidence=method.evidence), world.items()
    scores = method.score(method.init(_data(method, world), 0), users, items)
    assert scores.shape == (6, len(world.catalogue)), f"scores have shape {tuple(scores.shape)}"
    assert scores.dtype == torch.float32, f"scores are {scores.dtype}"
    assert torch.isfinite(scores).all(), "scores are not finite"


def scores_ignore_company(method: Scorer) -> None:
    """A shopper's scores do not depend on who else is asked about."""
    world = _world()
    params, items = method.init(_data(method, world), 0), world.items()
    ids = world.shoppers.ids[:4].tolist()
    together = method.score(params, world.users(ids, evidence=method.evidence), items)
    alone = torch.cat([method.score(params, world.users([u], evidence=method.evidence), items) for u in ids])
    _close(together, alone, "scores change with the company")


def candidates_are_a_slice(method: Scorer) -> None:
    """Scoring some items gives the same as scoring all and picking."""
    world = _world()
    params, users = (
        method.init(_data(method, world), 0),
        world.users(world.shoppers.ids[:4].tolist(), evidence=method.evidence),
    )
    picked = world.catalogue.ids[[3, 0, len(world.catalogue) - 1]].tolist()
    whole = method.score(params, users, world.items())
    _close(method.score(params, users, world.items(picked)), whole[:, [3, 0, -1]], "scores change with the candidates")


def newcomers_move_nobody(method: Scorer) -> None:
    """A garment added to the catalogue after training changes no one else's score."""
    world = _world()
    params, ids = method.init(_data(method, world), 0), world.shoppers.ids[:4].tolist()
    bigger = encode(_with_newcomer(world), world.space)
    names = world.catalogue.ids.tolist()
    before = method.score(params, world.users(ids, evidence=method.evidence), world.items(names))
    after = method.score(params, bigger.users(ids, evidence=method.evidence), bigger.items(names))
    _close(before, after, "an added item moved other scores")


def evidence_is_what_it_reads(method: Scorer) -> None:
    """Scores depend on the history, and on the profile, exactly when `evidence` says so. Starting weights may be 0."""
    world = _world()
    params, ids = method.init(_data(method, world), 0), world.shoppers.ids[:20].tolist()
    users, items = world.users(ids, evidence=method.evidence), world.items()
    scores = method.score(params, users, items)
    bare = {
        "history": replace(users, history=_emptied(users.history)),
        "profile": replace(users, features=_emptied(users.features)),
    }
    if users.tastes is not None:
        bare["tastes"] = replace(users, tastes=_emptied(users.tastes))
    for name, without in bare.items():
        moved = not torch.equal(scores, method.score(params, without, items))
        # An identity-free method may tell shoppers apart without reading what they like: see `random`.
        assert name in method.evidence or not moved or not method.evidence, f"reads the {name} without saying so"
        # A trained method's profile may start at zero, its way to read a history may not.
        untrained = name == "profile" and isinstance(method, Trainable)
        assert moved or name not in method.evidence or untrained, f"does not read the {name}"


def score_changes_nothing(method: Scorer) -> None:
    """Scoring leaves the parameters as they were."""
    world = _world()
    params = method.init(_data(method, world), 0)
    before = _copied(params)
    method.score(params, world.users(world.shoppers.ids[:4].tolist(), evidence=method.evidence), world.items())
    _same(before, params, "score")


def adapting_moves_what_it_is_told_of(method: Scorer) -> None:
    """An adaptable method changes nothing in place, moves scores of the items it is told of, and of no others."""
    if not isinstance(method, Adaptable):
        return
    world = _world()
    params = method.init(_data(method, world), 0)
    before = _copied(params)
    cold = np.arange(world.catalogue.n_hot, len(world.catalogue))
    told = Items(world.catalogue, cold[:2])
    buyers = world.users(world.shoppers.ids[:3].tolist(), evidence=method.evidence)
    events = sp.csr_matrix(np.array([[1, 0], [1, 1], [0, 0]], dtype=np.float32))
    adapted = method.adapt(params, Support(buyers, told, events))
    _same(before, params, "adapt")
    users, everything = world.users(world.shoppers.ids[:20].tolist(), evidence=method.evidence), world.items()
    first, second = method.score(params, users, everything), method.score(adapted, users, everything)
    others = np.setdiff1d(everything.rows, told.rows)
    _close(first[:, others], second[:, others], "adapting to some items moved others")
    assert not torch.equal(first[:, told.rows], second[:, told.rows]), "adapting moved no score"
    nothing = method.adapt(params, Support(buyers, told, sp.csr_matrix((3, 2), dtype=np.float32)))
    _close(first, method.score(nothing, users, everything), "no event at all moved scores")
    again = method.adapt(adapted, Support(buyers, told, events))
    _close(second, method.score(again, users, everything), "adapting twice to the same events counts them twice")


def step_gives_true_gradients(method: Scorer) -> None:
    """A trainable method's batches are repeatable, its step changes nothing, and a small step down lowers the loss.

    By as much as a gradient promises, unless the method says that its direction is only near one (`Approximate`).
    """
    if not isinstance(method, Trainable):
        return
    world = _world()
    params = method.init(_data(method, world), 0)
    before = _copied(params)
    batch = next(iter(method.batches(_data(method, world), 0, 0)))
    grads, metrics = method.step(params, batch)
    _same(before, params, "step")
    again, repeated = method.step(params, next(iter(method.batches(_data(method, world), 0, 0))))
    assert metrics == repeated, "the same epoch gives other batches each time"
    other, _ = method.step(params, next(iter(method.batches(_data(method, world), 0, 1))))
    assert any(not torch.equal(g, other[name]) for name, g in grads.items()), "every epoch gives the same batches"
    assert set(grads) <= set(params), "gradients for parameters that do not exist"
    for name, value in grads.items():
        assert value.shape == params[name].shape, f"the gradient of {name!r} has another shape"
        assert torch.equal(value, again[name]), f"the gradient of {name!r} differs between two equal calls"
    square = sum(float(g.square().sum()) for g in grads.values())
    rate = 1e-3 * metrics["loss"] / max(square, 1e-12)
    moved = {k: v - rate * grads[k] if k in grads else v for k, v in params.items()}
    _, after = method.step(moved, batch)
    gained = (metrics["loss"] - after["loss"]) / (rate * square)
    low, high = (0.7, 1.3) if not isinstance(method, Approximate) or method.exact else (0.0, np.inf)
    assert low < gained < high, f"a small step down the gradient gained {gained:.2f} of what it promised"


def claims_are_possible(method: Scorer) -> None:
    """Stated probabilities and standard deviations are float32 [U, I], possible, and leave the parameters alone."""
    world = _world()
    params = method.init(_data(method, world), 0) if isinstance(method, Calibrated | Uncertain) else {}
    before = _copied(params)
    users, items = world.users([*world.shoppers.ids[:5], "a stranger"], evidence=method.evidence), world.items()
    found = [(method.probabilities(params, users, items), 1.0)] if isinstance(method, Calibrated) else []
    found += [(method.uncertainty(params, users, items), float("inf"))] if isinstance(method, Uncertain) else []
    for value, most in found:
        assert value.shape == (6, len(world.catalogue)), f"a claim has shape {tuple(value.shape)}"
        assert value.dtype == torch.float32, f"a claim is {value.dtype}"
        assert bool(((value >= 0) & (value <= most) & torch.isfinite(value)).all()), "a claim is impossible"
    if isinstance(method, Calibrated):
        told = method.probabilities(params, users, items, method.score(params, users, items))
        assert torch.equal(told, found[0][0]), "a probability depends on whether the scores are known already"
    _same(before, params, "a claim")


CHECKS: tuple[Check, ...] = (
    init_is_deterministic,
    params_are_finite,
    scores_are_finite,
    scores_ignore_company,
    candidates_are_a_slice,
    newcomers_move_nobody,
    evidence_is_what_it_reads,
    score_changes_nothing,
    adapting_moves_what_it_is_told_of,
    step_gives_true_gradients,
    claims_are_possible,
)


def _world() -> World:
    return encode(item_cold(tiny_shop(), 0).train)


def _data(method: Scorer, world: World) -> TrainData:
    return world.training(method.evidence)


def _emptied(matrix: Csr) -> Csr:
    return sp.csr_matrix(matrix.shape, dtype=np.float32)


def _with_newcomer(world: World) -> Dataset:
    items = world.dataset.items
    # Of values nobody knows that sort before all others: whoever numbers values anew shifts everybody's.
    strange = {c: pl.lit("\t") for c in ("family", "department", "kind", "colour", "title")}
    newcomer = items.head(1).with_columns(item_id=pl.lit("a newcomer"), **strange)
    return replace(world.dataset, items=pl.concat([newcomer, items]))


def _copied(params: Params) -> Params:
    return {k: v.clone() for k, v in params.items()}


def _same(before: Params, after: Params, what: str) -> None:
    for name, value in before.items():
        assert torch.equal(value, after[name]), f"{what} changed parameter {name!r}"


def _close(a: torch.Tensor, b: torch.Tensor, reason: str) -> None:
    difference = float((a - b).abs().max())
    scale = float(np.maximum(1.0, float(a.abs().max())))
    assert difference <= 1e-4 * scale, f"{reason}: by up to {difference:.2g}"
