"""Tune a peer, or one of our own methods, on a dataset: the same budget, cut and metric for all.

    python -m benchmarks.peers.tune DATASET NAME [--trials N] [--cpu-seconds T] [--max-users U] [--seed S]

DATASET is an imported dataset. The data that the benchmark's cut leaves for training are cut once more, by the same
strict protocol, and the options are chosen by NDCG@20 there: among new garments for what can tell them apart, among
known ones for what cannot. The first trial is the defaults, so that tuning never loses to them on that cut. The search
ends after N trials, or as soon as T processor seconds are spent. Writes `tuned/DATASET/NAME.json` beside this file.
Needs `optuna` (in `muslin[peers]`).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import polars as pl

from muslin import registry
from muslin.data.dataset import Dataset
from muslin.errors import ModelError
from muslin.evaluate import metrics
from muslin.evaluate.answers import CUTOFF, Answers, answer, scores_of
from muslin.evaluate.exam import Block, Exam, Terms
from muslin.evaluate.protocol import protocol
from muslin.peers import known
from muslin.peers.adapters.contract import Option
from muslin.peers.answers import put
from muslin.recipes.fit import Recipe, fit_world

WITHIN, KNOWN = ("within", "cold"), ("full", "hot")
FACTOR = 8.0
"""How far either side of its default an option of ours is searched: our methods name no ranges of their own."""


@dataclass(frozen=True)
class Task:
    """What is searched, and how one choice is tried: `attempt` gives its NDCG and the processor seconds it took."""

    name: str
    options: dict[str, Option]
    question: tuple[str, str]
    attempt: Callable[[dict[str, Any]], tuple[float, float]]


def main() -> None:
    given = _arguments()
    dataset = Dataset.load(given.dataset)
    exam = validation_exam(dataset, given.seed, given.max_users)
    make = peer_task if given.name in known.names() else method_task
    found = search(make(given.name, exam), given.trials, given.cpu_seconds, given.seed)
    found |= {"dataset": dataset.schema.name, "seed": given.seed, "max_users": given.max_users}
    place = Path(__file__).parent / "tuned" / dataset.schema.name / f"{given.name}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


def validation_exam(dataset: Dataset, seed: int, max_users: int) -> Exam:
    """The strict item hold-out inside the training data of the benchmark's own: its queries are nowhere in it."""
    item_cold = protocol("item-cold")
    return item_cold.build(item_cold.build(dataset, Terms(seed)).split.train, Terms(seed, max_users=max_users))


def search(task: Task, trials: int, cpu_seconds: float, seed: int) -> dict[str, Any]:
    """Best options, and what finding them took. A choice that fails counts as a trial, and as worth nothing."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({name: option.default for name, option in task.options.items()})
    spent = 0.0

    def objective(trial: optuna.Trial) -> float:
        nonlocal spent
        options = {name: _suggest(trial, name, option) for name, option in task.options.items()}
        try:
            value, cost = task.attempt(options)
        except ModelError as error:
            trial.set_user_attr("error", error.code)
            print(f"{trial.number + 1}: {error.message.splitlines()[-1]}, {options}", flush=True)
            return 0.0
        spent += cost
        print(f"{trial.number + 1}: {value:.4f}, {spent:.0f} s, {options}", flush=True)
        if spent > cpu_seconds:
            study.stop()
        return value

    study.optimize(objective, n_trials=trials)
    return {
        "name": task.name,
        "objective": f"ndcg@{CUTOFF} item-cold {' '.join(task.question)}, cut inside training data",
        "trials": len(study.trials),
        "failed": sum("error" in trial.user_attrs for trial in study.trials),
        "cpu_s": round(spent, 1),
        "budget": {"trials": trials, "cpu_s": cpu_seconds},
        "default": study.trials[0].value,
        "best": study.best_value,
        "options": study.best_params,
    }


def peer_task(name: str, exam: Exam) -> Task:
    """A peer, run as the benchmark runs it."""
    peer = known.peer(name)
    question = WITHIN if peer.tells_new_items_apart else KNOWN

    def attempt(options: dict[str, Any]) -> tuple[float, float]:
        with tempfile.TemporaryDirectory(prefix="muslin-peer-") as folder:
            done = put(exam.world, exam.asks, name, Path(folder), seed=exam.seed, options=options)
            answers = answer(exam, name, lambda ask, rows: Block(*done.scores(ask, rows)), done.fit_cpu_s)
            return ndcg(answers, question), done.fit_cpu_s + done.score_cpu_s

    return Task(name, dict(peer.options), question, attempt)


def method_task(name: str, exam: Exam) -> Task:
    """One of our methods; numbers and switches among its options are searched."""
    found = {option: _own(value) for option, value in registry.entry(name).options().items()}

    def attempt(options: dict[str, Any]) -> tuple[float, float]:
        started = time.process_time()
        fitted = fit_world(Recipe(method=name, options=options), exam.world, exam.seed)
        answers = answer(exam, name, scores_of(fitted, exam), 0.0)
        return ndcg(answers, WITHIN), time.process_time() - started

    return Task(name, {option: range_ for option, range_ in found.items() if range_}, WITHIN, attempt)


def ndcg(answers: Answers, question: tuple[str, str]) -> float:
    """Mean over shoppers of NDCG@20 in the view and path of `question`."""
    view, path = question
    pairs = answers.pairs.filter((pl.col("view") == view) & (pl.col("path") == path)).sort("user_id", "item_id")
    user, item = (pairs[key].rank("dense").cast(pl.Int64).to_numpy() - 1 for key in ("user_id", "item_id"))
    part = metrics.parts(metrics.Pairs(user, item, pairs["rank"].to_numpy()[:, None]), CUTOFF)[f"ndcg@{CUTOFF}"]
    return float(np.asarray(metrics.values(part))[0])


def _own(default: Any) -> Option | None:
    if isinstance(default, bool):
        return Option(default, "", values=(True, False))
    if isinstance(default, int | float) and default > 0:
        low, high = default / FACTOR, default * FACTOR
        return Option(default, "", max(1, round(low)) if isinstance(default, int) else low, high, log=True)
    return None


def _suggest(trial: optuna.Trial, name: str, option: Option) -> Any:
    if option.values:
        return trial.suggest_categorical(name, option.values)
    if option.low is None or option.high is None:
        return option.default
    if isinstance(option.default, int):
        return trial.suggest_int(name, round(option.low), round(option.high), log=option.log)
    return trial.suggest_float(name, option.low, option.high, log=option.log)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("name")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--cpu-seconds", type=float, default=1800.0)
    parser.add_argument("--max-users", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
