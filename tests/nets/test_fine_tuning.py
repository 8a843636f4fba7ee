"""What moves on the target, how far, and that the ends of every scale are what they should be."""

import math
from typing import get_args

import numpy as np
import pytest
import torch

from muslin.method import Proximal, Trainable
from muslin.nets.distillation import of_features, of_predictions
from muslin.nets.fine_tuning import Batch, FineTuning, Regulariser, Tuning, Unfreezing
from muslin.nets.fisher import information
from muslin.train.loop import Run, train

REGULARISERS, SCHEDULES = get_args(Regulariser), get_args(Unfreezing)
HEAD = {"bias", "log_scale", "profile"}
REST = {"item", "dense/look"}
FIXED = {"idf", "length/look"}
ADAPTER = {"adapter/down", "adapter/up"}


def tuned(crossed, epochs=2, **options):
    """Parameters after `epochs` on the target."""
    found = fine_tuning(crossed, **options)
    return train(found, crossed.data, Run("t", 0, epochs=epochs)).params


def fine_tuning(crossed, **options) -> FineTuning:
    tuning = Tuning(**options)
    known = {}
    if tuning.regulariser == "l2_sp_fisher":
        known = information(crossed.method, crossed.carried.start, crossed.method.batches(crossed.data, 0, 0))
    return FineTuning(crossed.method, crossed.carried, tuning, known)


def plain(crossed, epochs=2, *, pull=None):
    """AdamW down the loss of the target, written out; `pull(name, value)` after each step."""
    leaves = {name: value.clone().requires_grad_() for name, value in crossed.carried.start.items()}
    optimizer = torch.optim.AdamW(
        list(leaves.values()), crossed.method.schedule.learning_rate, weight_decay=0.0, fused=True
    )
    for epoch in range(epochs):
        for batch in crossed.method.batches(crossed.data, 0, epoch):
            grads, _ = crossed.method.step({name: leaf.detach() for name, leaf in leaves.items()}, batch)
            for name, leaf in leaves.items():
                leaf.grad = grads.get(name)
            optimizer.step()
            if pull:
                with torch.no_grad():
                    for name, leaf in leaves.items():
                        leaf.copy_(pull(name, leaf))
    return {name: leaf.detach() for name, leaf in leaves.items()}


def moved(crossed, params) -> set[str]:
    start = crossed.carried.start
    return {name for name, value in params.items() if name not in start or not torch.equal(value, start[name])}


def distance(crossed, params) -> float:
    return sum(float((params[name] - value).square().sum()) for name, value in crossed.carried.source.items())


def scores(crossed, params) -> torch.Tensor:
    world = crossed.world
    return crossed.method.score(params, world.users(world.shoppers.ids[:20].tolist()), world.items())


@pytest.fixture(scope="module")
def free(partial):
    """Plain fine-tuning."""
    return plain(partial)


@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_without_strength_it_is_plain_fine_tuning_to_the_bit(partial, free, regulariser) -> None:
    found = tuned(partial, regulariser=regulariser, strength=0.0)
    assert found.keys() == free.keys()
    for name, value in free.items():
        assert torch.equal(found[name], value), name


def test_no_regulariser_does_not_look_at_the_strength(partial, free) -> None:
    for strength in (3.0, math.inf):
        found = tuned(partial, regulariser="none", strength=strength)
        assert all(torch.equal(found[name], value) for name, value in free.items())


@pytest.mark.parametrize("strength", [1e12, math.inf])
def test_an_infinite_strength_is_the_frozen_source(whole, strength) -> None:
    assert not whole.carried.share
    found = tuned(whole, regulariser="l2_sp", strength=strength)
    start = whole.carried.start
    for name, value in start.items():
        assert (found[name] - value).abs().max() <= 1e-6, name
    assert (scores(whole, found) - scores(whole, start)).abs().max() <= 1e-6
    if strength == math.inf:
        assert not moved(whole, found)


@pytest.mark.parametrize(
    ("regulariser", "strength"),
    [
        *((name, math.inf) for name in ("l2_sp", "l2_sp_fisher", "features", "predictions")),
        *((name, 1e12) for name in ("l2_sp", "l2_sp_fisher")),  # the pull of a function is no proximal step
    ],
)
def test_what_is_the_targets_own_moves_even_then(partial, regulariser, strength) -> None:
    found = tuned(partial, regulariser=regulariser, strength=strength)
    for name, share in partial.carried.share.items():
        away = (found[name] - partial.carried.start[name]).abs()
        if regulariser != "l2_sp_fisher":  # what told the source nothing is not held
            assert away[share == 1].numel() == 0 or away[share == 1].max() <= 1e-6
        if name not in FIXED:
            assert away[share == 0].max() > 1e-3, name
    if strength == math.inf:
        assert moved(partial, found) <= set(partial.carried.share)
    assert all(value.isfinite().all() for value in found.values())


@pytest.mark.parametrize("fisher", [False, True])
def test_the_pull_follows_each_step_of_the_loop(partial, fisher) -> None:
    strength, carried = 30.0, partial.carried
    known = fine_tuning(partial, regulariser="l2_sp_fisher").information if fisher else {}

    def pull(name, value):
        if name not in carried.source:
            return value
        weight = strength * partial.method.schedule.learning_rate
        weight = weight * carried.share.get(name, 1.0) * known.get(name, 1.0)
        return (value + weight * carried.source[name]) / (1 + weight)

    expected = plain(partial, pull=pull)
    found = tuned(partial, regulariser="l2_sp_fisher" if fisher else "l2_sp", strength=strength)
    for name, value in expected.items():
        assert torch.allclose(found[name], value, atol=2e-4), name


@pytest.mark.parametrize("regulariser", ["l2_sp", "l2_sp_fisher"])
def test_a_stronger_pull_ends_nearer_the_source(whole, regulariser) -> None:
    found = [distance(whole, tuned(whole, regulariser=regulariser, strength=s)) for s in (0.0, 1.0, 10.0, 100.0)]
    assert found == sorted(found, reverse=True)
    if regulariser == "l2_sp":  # with information, what told the source nothing stays free
        assert found[-1] < 0.1 * found[0]


@pytest.mark.parametrize(("regulariser", "far"), [("features", of_features), ("predictions", of_predictions)])
def test_distillation_keeps_the_function_near_the_source(whole, regulariser, far) -> None:
    batch = next(iter(whole.method.batches(whole.data, 0, 7)))
    found = []
    for strength in (0.0, 1.0, 100.0):
        params = tuned(whole, regulariser=regulariser, strength=strength)
        found.append(far(whole.method, params, whole.carried.start, batch).item())
    assert found[0] > found[1] > found[2]


@pytest.mark.parametrize("regulariser", ["features", "predictions"])
def test_the_gradient_is_that_of_loss_and_distance(whole, regulariser) -> None:
    strength, far = 7.0, {"features": of_features, "predictions": of_predictions}[regulariser]
    found = fine_tuning(whole, regulariser=regulariser, strength=strength)
    batch = next(iter(found.batches(whole.data, 0, 0)))
    rng = torch.Generator().manual_seed(3)
    params = {
        n: v if n in FIXED else v + 0.05 * torch.randn(v.shape, generator=rng) for n, v in found.init(None, 0).items()
    }
    leaves = {name: value.clone().requires_grad_() for name, value in params.items() if name not in FIXED}
    cost = strength * far(whole.method, {**params, **leaves}, whole.carried.start, batch.data)
    pulls = torch.autograd.grad(cost, list(leaves.values()), materialize_grads=True)
    plain_grads, metrics = whole.method.step(params, batch.data)
    grads, reported = found.step(params, batch)
    assert reported == metrics
    assert grads.keys() == leaves.keys()
    for name, pull in zip(leaves, pulls, strict=True):
        assert torch.allclose(grads[name], plain_grads[name] + pull, atol=1e-6)


@pytest.mark.parametrize("regulariser", REGULARISERS)
@pytest.mark.parametrize(
    ("unfreezing", "epochs", "expected"),
    [
        ("full", 1, HEAD | REST),
        ("head", 3, HEAD),
        ("head_first", 2, HEAD),
        ("head_first", 3, HEAD | REST),
        ("gradual", 1, HEAD),
        ("gradual", 2, HEAD | {"dense/look"}),
        ("gradual", 3, HEAD | REST),
        ("adapters", 2, HEAD | ADAPTER),
    ],
)
def test_what_moves_and_what_does_not(whole, regulariser, unfreezing, epochs, expected) -> None:
    found = tuned(whole, epochs, regulariser=regulariser, strength=0.5, unfreezing=unfreezing)
    assert moved(whole, found) == expected
    assert all(value.isfinite().all() for value in found.values())


@pytest.mark.parametrize("unfreezing", SCHEDULES)
def test_only_gradients_of_what_moves_are_given(whole, unfreezing) -> None:
    found = fine_tuning(whole, unfreezing=unfreezing)
    params = found.init(whole.data, 0)
    batch = next(iter(found.batches(whole.data, 0, 0)))
    for epoch in range(5):
        grads, _ = found.step(params, Batch(epoch, batch.data))
        assert grads.keys() == found.moving(params, epoch)
        assert not FIXED & grads.keys()


def test_a_head_alone_is_not_pulled_by_features_it_has_no_part_in(whole) -> None:
    pulled = tuned(whole, regulariser="features", strength=100.0, unfreezing="head")
    alone = tuned(whole, regulariser="none", unfreezing="head")
    assert all(torch.equal(pulled[name], value) for name, value in alone.items())


def test_adapters_begin_as_the_source_and_nothing_else_gets_any(whole) -> None:
    for unfreezing in SCHEDULES:
        found = fine_tuning(whole, unfreezing=unfreezing)
        start = found.init(whole.data, 0)
        assert set(start) - set(whole.carried.start) == (ADAPTER if unfreezing == "adapters" else set())
        assert torch.equal(scores(whole, start), scores(whole, whole.carried.start))


def test_it_is_the_method_it_trains(whole) -> None:
    found = fine_tuning(whole)
    base = whole.method
    assert isinstance(found, Trainable)
    assert isinstance(found, Proximal)
    assert not isinstance(base, Proximal)
    assert (found.evidence, found.schedule) == (base.evidence, base.schedule)
    ours, theirs = list(found.batches(whole.data, 0, 3)), list(base.batches(whole.data, 0, 3))
    assert [batch.epoch for batch in ours] == [3] * len(theirs)
    assert all(np.array_equal(a.data.pairs.user, b.pairs.user) for a, b in zip(ours, theirs, strict=True))
    assert torch.equal(
        found.score(whole.carried.start, *_asked(whole)), base.score(whole.carried.start, *_asked(whole))
    )


def test_training_leaves_what_was_carried_as_it_was(whole) -> None:
    before = {name: value.clone() for name, value in whole.carried.start.items()}
    tuned(whole, 1, regulariser="l2_sp", strength=1.0)
    assert all(torch.equal(value, whole.carried.start[name]) for name, value in before.items())


def _asked(crossed):
    world = crossed.world
    return world.users(world.shoppers.ids[:5].tolist()), world.items()
