"""The loop: what it applies, when it stops, and that resuming changes nothing."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import torch

from muslin import registry
from muslin.errors import ModelError
from muslin.features.space import encode
from muslin.method import Schedule
from muslin.testing.worlds import tiny_shop
from muslin.train.checkpoint import read
from muslin.train.loop import Run, train


@dataclass
class Quadratic:
    """Gradient of |x - 3|² / 2; `fixed` gets none. Interrupts itself before step `stop_at`."""

    schedule: Schedule = field(default_factory=lambda: Schedule(epochs=4, learning_rate=0.1, patience=2))
    stop_at: int = -1
    steps: int = 0

    def init(self, data, seed):
        return {"x": torch.zeros(3), "fixed": torch.ones(2), "count": torch.zeros(1, dtype=torch.int64)}

    def score(self, params, users, items):
        raise AssertionError("the loop does not score")

    def batches(self, data, seed, epoch) -> Iterator[float]:
        yield from (1.0 + 0.1 * epoch + 0.01 * b for b in range(5))

    def step(self, params, batch):
        self.steps += 1
        if self.steps == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return {"x": (params["x"] - 3.0) * batch}, {"loss": 0.0}


def test_the_loop_is_adam_on_the_methods_gradients() -> None:
    ours = train(Quadratic(), None, Run("q", 0))
    x = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([x], 0.1)
    for epoch in range(4):
        for batch in Quadratic().batches(None, 0, epoch):
            x.grad = (x.detach() - 3.0) * batch
            optimizer.step()
    assert torch.allclose(ours.params["x"], x.detach(), atol=1e-6)
    assert ours.epochs == 4
    assert ours.params["fixed"].tolist() == [1, 1]
    assert ours.params["count"].dtype == torch.int64


def test_early_stopping_keeps_the_best_epoch() -> None:
    seen = []

    def validate(params):
        seen.append(params["x"].clone())
        return [0.0, 2.0, 1.0, 1.5, 9.0][len(seen) - 1]  # before training, then after each epoch

    found = train(Quadratic(), None, Run("q", 0), validate)
    assert len(seen) == 4, "stopped after two epochs without a better score"
    assert found.epochs == 1
    assert torch.equal(found.params["x"], seen[1])


def test_training_that_never_helps_returns_the_start() -> None:
    found = train(Quadratic(), None, Run("q", 0), lambda p: -float(p["x"].sum()))
    assert found.epochs == 0
    assert found.params["x"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("stop_at", [1, 3, 5, 6, 12, 20])
def test_an_interrupted_run_resumes_to_the_same_bits(tmp_path, stop_at) -> None:
    def validate(params):
        return float(params["x"].sum())

    whole = train(Quadratic(), None, Run("q", 0), validate)
    run = Run("q", 0, tmp_path / "checkpoint.safetensors")
    with pytest.raises(KeyboardInterrupt):
        train(Quadratic(stop_at=stop_at), None, run, validate)
    place = read(run.checkpoint, "q seed=0").place
    assert place.epoch * 5 + place.step == stop_at, "the step in hand is finished, and no other"
    rest = Quadratic()
    resumed = train(rest, None, run, validate)
    assert rest.steps == 20 - stop_at, "nothing is done twice"
    assert resumed.epochs == whole.epochs
    for name, value in whole.params.items():
        assert torch.equal(value, resumed.params[name])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_real_method_resumes_to_the_same_bits(tmp_path) -> None:
    data = encode(tiny_shop()).data
    build = registry.entry("two_tower")
    method = build.build(build.config(batch_size=128, negatives=64, epochs=3, dimensions=16))
    whole = train(method, data, Run("t", 0))

    class Stopped:
        def __init__(self) -> None:
            self.schedule, self.init, self.batches, self.score = method.schedule, method.init, method.batches, None
            self.left = 7

        def step(self, params, batch):
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGINT)
            return method.step(params, batch)

    run = Run("t", 0, tmp_path / "c.safetensors")
    with pytest.raises(KeyboardInterrupt):
        train(Stopped(), data, run)
    resumed = train(method, data, run)
    assert all(torch.equal(v, resumed.params[k]) for k, v in whole.params.items())


def test_a_foreign_or_damaged_checkpoint_is_refused(tmp_path) -> None:
    run = Run("q", 0, tmp_path / "c.safetensors")
    train(Quadratic(), None, run)
    with pytest.raises(ModelError) as caught:
        train(Quadratic(), None, Run("q", 1, run.checkpoint))
    assert caught.value.code == "other_run"
    content = run.checkpoint.read_bytes()
    run.checkpoint.write_bytes(content[:-20])
    with pytest.raises(ModelError) as caught:
        train(Quadratic(), None, run)
    assert caught.value.code == "bad_checkpoint"
    assert not list(tmp_path.glob("*.tmp"))


class Pulled(Quadratic):
    """The same, pulled a share of the way to 1 after each step; the loop's rate is the share."""

    evidence = frozenset()

    def prox(self, params, rate):
        return {"x": params["x"] + rate * (1.0 - params["x"])}


def test_a_pull_follows_each_step_and_touches_only_what_it_names() -> None:
    ours = train(Pulled(), None, Run("q", 0))
    x = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([x], 0.1)
    for epoch in range(4):
        for batch in Quadratic().batches(None, 0, epoch):
            x.grad = (x.detach() - 3.0) * batch
            optimizer.step()
            with torch.no_grad():
                x += 0.1 * (1.0 - x)
    assert torch.allclose(ours.params["x"], x.detach(), atol=1e-6)
    assert ours.params["fixed"].tolist() == [1, 1]
    assert not torch.allclose(ours.params["x"], train(Quadratic(), None, Run("q", 0)).params["x"])


def test_a_pulled_run_resumes_to_the_same_bits(tmp_path) -> None:
    whole = train(Pulled(), None, Run("q", 0))
    run = Run("q", 0, tmp_path / "checkpoint.safetensors")
    with pytest.raises(KeyboardInterrupt):
        train(Pulled(stop_at=7), None, run)
    assert torch.equal(train(Pulled(), None, run).params["x"], whole.params["x"])
