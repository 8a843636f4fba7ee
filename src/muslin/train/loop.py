"""The only training loop: takes gradients from a method's `step`, applies AdamW, stops early, resumes exactly.

A method's own pull on its parameters (`method.Proximal`) follows each step.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from muslin.method import Proximal, Trainable
from muslin.progress import track
from muslin.train.checkpoint import Checkpoint, Place, read, write
from muslin.train.interrupt import Interrupt, deferred_interrupt
from muslin.types import Params, TrainData

Validate = Callable[[Params], float]
"""Validation score of parameters; larger is better."""


@dataclass(frozen=True)
class Run:
    """What makes two runs the same run, and where to keep their checkpoint.

    `name` stands for method, config and data; with `seed` it guards a checkpoint against being resumed by another run.
    """

    name: str
    seed: int
    checkpoint: Path | None = None
    every_seconds: float = 30.0
    epochs: int | None = None
    """Train exactly this long, in place of the method's schedule."""


class Trained(NamedTuple):
    """Parameters, and the number of epochs that made them."""

    params: Params
    epochs: int


def train(method: Trainable, data: TrainData, run: Run, validate: Validate | None = None) -> Trained:
    """Train `method` from `init` (or from the run's checkpoint) and return its best parameters.

    With `validate`, the best epoch's parameters are kept and training stops after `schedule.patience` epochs without
    a better score; without it, all epochs run. On KeyboardInterrupt the checkpoint is written first, after the step
    in hand; the same call then continues to bit-identical results. Raises `ModelError` for a foreign checkpoint.
    """
    state = _start(method, data, run, validate)
    with deferred_interrupt() as interrupted:
        while not _finished(state.place, method, run, validate):
            _epoch(method, data, run, state, interrupted)
            state.end_epoch(validate)
        _save(run, state)
        if interrupted:  # while the last epoch was being judged
            raise KeyboardInterrupt
    return Trained(state.best, state.place.best_epoch + 1) if validate else Trained(state.params(), state.place.epoch)


class _State:
    """Parameters under training; the loop's own, never seen outside it."""

    def __init__(self, method: Trainable, place: Place, params: Params, best: Params) -> None:
        schedule = method.schedule
        self.place = place
        self.best = best
        self.leaves = {k: v.clone().requires_grad_(v.is_floating_point()) for k, v in params.items()}
        self.optimizer = torch.optim.AdamW(
            [v for v in self.leaves.values() if v.requires_grad],
            schedule.learning_rate,
            weight_decay=schedule.weight_decay,
            fused=True,
        )

    def params(self) -> Params:
        return {k: v.detach() for k, v in self.leaves.items()}

    def advance(self, method: Trainable, batch: Any) -> None:
        grads, _metrics = method.step(self.params(), batch)
        for name, leaf in self.leaves.items():
            leaf.grad = grads.get(name)
        self.optimizer.step()
        if isinstance(method, Proximal):
            with torch.no_grad():
                for name, value in method.prox(self.params(), method.schedule.learning_rate).items():
                    self.leaves[name].copy_(value)
        self.place = replace(self.place, step=self.place.step + 1)

    def end_epoch(self, validate: Validate | None) -> None:
        place = Place(self.place.epoch + 1, 0, self.place.best_epoch, self.place.best_score)
        if validate is not None:
            score = validate(self.params())
            if score > place.best_score:
                place = replace(place, best_epoch=self.place.epoch, best_score=score)
                self.best = {k: v.detach().clone() for k, v in self.leaves.items()}
        self.place = place

    def moments(self) -> dict[str, Tensor]:
        slots = {name: self.optimizer.state.get(leaf, {}) for name, leaf in self.leaves.items()}
        return {f"{name}/{slot}": value for name, held in slots.items() for slot, value in held.items()}

    def restore(self, moments: dict[str, Tensor]) -> None:
        for key, value in moments.items():
            name, slot = key.rsplit("/", 1)
            self.optimizer.state[self.leaves[name]][slot] = value


def _epoch(method: Trainable, data: TrainData, run: Run, state: _State, interrupted: Interrupt) -> None:
    """Run what is left of the epoch; save when due, and before giving in to an interrupt."""
    last_saved = time.monotonic()
    batches = islice(method.batches(data, run.seed, state.place.epoch), state.place.step, None)
    for batch in track(batches, f"{run.name} epoch {state.place.epoch + 1}/{_epochs(method, run)}"):
        state.advance(method, batch)
        if interrupted or time.monotonic() - last_saved > run.every_seconds:
            _save(run, state)
            last_saved = time.monotonic()
        if interrupted:
            raise KeyboardInterrupt


def _start(method: Trainable, data: TrainData, run: Run, validate: Validate | None) -> _State:
    found = read(run.checkpoint, _identity(run)) if run.checkpoint else None
    if found:
        state = _State(method, found.place, found.params, found.best)
        state.restore(found.moments)
        return state
    params = method.init(data, run.seed)
    score = validate(params) if validate else float("-inf")
    return _State(method, Place(best_score=score), params, {k: v.clone() for k, v in params.items()})


def _finished(place: Place, method: Trainable, run: Run, validate: Validate | None) -> bool:
    waited = place.epoch - 1 - place.best_epoch
    stale = validate is not None and waited >= method.schedule.patience
    return stale or place.epoch >= _epochs(method, run)


def _epochs(method: Trainable, run: Run) -> int:
    return method.schedule.epochs if run.epochs is None else run.epochs


def _save(run: Run, state: _State) -> None:
    if run.checkpoint:
        checkpoint = Checkpoint(_identity(run), state.place, state.params(), state.best, state.moments())
        write(run.checkpoint, checkpoint)


def _identity(run: Run) -> str:
    return f"{run.name} seed={run.seed}"
