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
import torch

from muslin.data.dataset import Dataset
from muslin.data.splits import item_cold
from muslin.features.space import World, encode
from muslin.method import Scorer, Trainable
from muslin.testing.worlds import tiny_shop
from muslin.types import Params, Users

Check = Callable[[Scorer], None]


def init_is_deterministic(method: Scorer) -> None:
    """Same data and seed: the same parameters, bit for bit."""
    world = _world()
    first, second = method.init(world.data, 3), method.init(world.data, 3)
    assert first.keys() == second.keys(), "init gives other names each time"
    for name, value in first.items():
        assert torch.equal(value, second[name]), f"parameter {name!r} differs between two equal calls"


def params_are_finite(method: Scorer) -> None:
    """Parameters are finite tensors that safetensors can hold."""
    for name, value in method.init(_world().data, 0).items():
        assert isinstance(value, torch.Tensor), f"parameter {name!r} is not a tensor"
        assert torch.isfinite(value).all(), f"parameter {name!r} is not finite"


def scores_are_finite(method: Scorer) -> None:
    """Scores are finite float32 [U, I] for known and unknown shoppers, hot and cold items."""
    world = _world()
    users, items = world.users([*world.shoppers.ids[:5], "a stranger"]), world.items()
    scores = method.score(method.init(world.data, 0), users, items)
    assert scores.shape == (6, len(world.catalogue)), f"scores have shape {tuple(scores.shape)}"
    assert scores.dtype == torch.float32, f"scores are {scores.dtype}"
    assert torch.isfinite(scores).all(), "scores are not finite"


def scores_ignore_company(method: Scorer) -> None:
    """A shopper's scores do not depend on who else is asked about."""
    world = _world()
    params, items = method.init(world.data, 0), world.items()
    ids = world.shoppers.ids[:4].tolist()
    together = method.score(params, world.users(ids), items)
    alone = torch.cat([method.score(params, world.users([u]), items) for u in ids])
    _close(together, alone, "scores change with the company")


def candidates_are_a_slice(method: Scorer) -> None:
    """Scoring some items gives the same as scoring all and picking."""
    world = _world()
    params, users = method.init(world.data, 0), world.users(world.shoppers.ids[:4].tolist())
    picked = world.catalogue.ids[[3, 0, len(world.catalogue) - 1]].tolist()
    whole = method.score(params, users, world.items())
    _close(method.score(params, users, world.items(picked)), whole[:, [3, 0, -1]], "scores change with the candidates")


def newcomers_move_nobody(method: Scorer) -> None:
    """A garment added to the catalogue after training changes no one else's score."""
    world = _world()
    params, ids = method.init(world.data, 0), world.shoppers.ids[:4].tolist()
    bigger = encode(_with_newcomer(world), world.space)
    names = world.catalogue.ids.tolist()
    before = method.score(params, world.users(ids), world.items(names))
    after = method.score(params, bigger.users(ids), bigger.items(names))
    _close(before, after, "an added item moved other scores")


def evidence_is_what_it_reads(method: Scorer) -> None:
    """Scores depend on the history, and on the profile, exactly when `evidence` says so. Starting weights may be 0."""
    world = _world()
    params, ids = method.init(world.data, 0), world.shoppers.ids[:20].tolist()
    users, items = world.users(ids), world.items()
    scores = method.score(params, users, items)
    bare = {
        "history": Users(users.rows, users.features, users.history * 0.0),
        "profile": Users(users.rows, users.features * 0.0, users.history),
    }
    for name, without in bare.items():
        without.history.eliminate_zeros()
        without.features.eliminate_zeros()
        moved = not torch.equal(scores, method.score(params, without, items))
        # An identity-free method may tell shoppers apart without reading what they like: see `random`.
        assert name in method.evidence or not moved or not method.evidence, f"reads the {name} without saying so"
        # A trained method's profile may start at zero, its way to read a history may not.
        untrained = name == "profile" and isinstance(method, Trainable)
        assert moved or name not in method.evidence or untrained, f"does not read the {name}"


def score_changes_nothing(method: Scorer) -> None:
    """Scoring leaves the parameters as they were."""
    world = _world()
    params = method.init(world.data, 0)
    before = _copied(params)
    method.score(params, world.users(world.shoppers.ids[:4].tolist()), world.items())
    _same(before, params, "score")


def step_gives_true_gradients(method: Scorer) -> None:
    """A trainable method's batches are repeatable, its step changes nothing, and a small step down lowers the loss."""
    if not isinstance(method, Trainable):
        return
    world = _world()
    params = method.init(world.data, 0)
    before = _copied(params)
    batch = next(iter(method.batches(world.data, 0, 0)))
    grads, metrics = method.step(params, batch)
    _same(before, params, "step")
    again, repeated = method.step(params, next(iter(method.batches(world.data, 0, 0))))
    assert metrics == repeated, "the same epoch gives other batches each time"
    other, _ = method.step(params, next(iter(method.batches(world.data, 0, 1))))
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
    assert 0.7 < gained < 1.3, f"a small step down the gradient gained {gained:.2f} of what it promised"


CHECKS: tuple[Check, ...] = (
    init_is_deterministic,
    params_are_finite,
    scores_are_finite,
    scores_ignore_company,
    candidates_are_a_slice,
    newcomers_move_nobody,
    evidence_is_what_it_reads,
    score_changes_nothing,
    step_gives_true_gradients,
)


def _world() -> World:
    return encode(item_cold(tiny_shop(), 0).train)


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
