"""The suite catches methods that cheat."""

import pytest
import torch

from muslin import registry
from muslin.method import Schedule
from muslin.testing import method_suite
from muslin.testing.method_suite import CHECKS


class Cheat:
    """Wraps a sound method and breaks one promise."""

    def __init__(self) -> None:
        entry = registry.entry("two_tower")
        self.real = entry.build(entry.config(dimensions=8, batch_size=256, negatives=64))
        self.evidence = self.real.evidence
        self.schedule: Schedule = self.real.schedule

    def init(self, data, seed):
        return self.real.init(data, seed)

    def score(self, params, users, items):
        return self.real.score(params, users, items)

    def batches(self, data, seed, epoch):
        return self.real.batches(data, seed, epoch)

    def step(self, params, batch):
        return self.real.step(params, batch)


class Blind(Cheat):
    def score(self, params, users, items):
        return super().score(params, users, items)[:1].expand(len(users), -1)


class Sociable(Cheat):
    def score(self, params, users, items):
        found = super().score(params, users, items)
        return found - found.mean()


class Restless(Cheat):
    def score(self, params, users, items):
        params["log_scale"] += 1
        return super().score(params, users, items)


class Stuck(Cheat):
    def batches(self, data, seed, epoch):
        return self.real.batches(data, seed, 0)


class Uphill(Cheat):
    def step(self, params, batch):
        grads, metrics = super().step(params, batch)
        return {k: -g for k, g in grads.items()}, metrics


class Forgetful(Cheat):
    def init(self, data, seed):
        return {k: v + torch.rand(1) if v.is_floating_point() else v for k, v in super().init(data, seed).items()}


class Certain(Cheat):
    def probabilities(self, params, users, items, scores=None):
        return self.score(params, users, items) + 2


@pytest.mark.parametrize("cheat", [Blind, Sociable, Restless, Stuck, Uphill, Forgetful, Certain])
def test_a_cheat_is_caught(cheat) -> None:
    caught = []
    for check in CHECKS:
        try:
            check(cheat())
        except AssertionError:
            caught.append(check.__name__)
    assert caught


def test_the_honest_original_passes() -> None:
    for check in CHECKS:
        check(Cheat())


def test_every_check_is_in_the_suite() -> None:
    public = {
        n
        for n, f in vars(method_suite).items()
        if callable(f) and getattr(f, "__module__", "") == method_suite.__name__
    }
    assert {c.__name__ for c in CHECKS} == {n for n in public if not n.startswith("_")}
