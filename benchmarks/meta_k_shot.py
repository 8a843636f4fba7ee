"""Does adapting help, and from which event on? The k-shot protocol for methods that learn to adapt.

    python -m benchmarks.meta_k_shot DATASET_DIR NAME [--methods A,B] [--epochs 2] [--users 300] [--seeds 0,1]

Each method is fitted as `muslin fit` does, for at most so many epochs, on each cut and asked the same questions after
0, 1, 3, 5 and 10 events; printed and written are NDCG@20, the paired difference to the same method after none, and how
far the first method asked is ahead of each, with 95 % intervals over the shoppers of all cuts. `prior_knn` and
`content_knn` stand beside them as what needs no training. One process, one thread: it fits beside other work.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from muslin import registry
from muslin.data.dataset import Dataset
from muslin.evaluate.answers import CUTOFF, Answers, answer, scores_of
from muslin.evaluate.exam import Exam, Terms
from muslin.evaluate.protocols import k_shot
from muslin.method import Fitted
from muslin.recipes.fit import Recipe, fit_world
from muslin.types import Floats

KS = (0, 1, 3, 5, 10)
LEARNED = ("posterior", "maml", "meta_embedding", "anil", "meta_sgd", "maml_pp", "melu", "fomaml", "reptile")
METHODS = ("content_knn", "prior_knn", *LEARNED)
VIEWS = ("garments", "shoppers")


def asked(dataset: Dataset, users: int, seed: int) -> Exam:
    """The protocol's questions about new things among themselves, of the cut of `seed`."""
    exam = k_shot.build(dataset, Terms(seed, KS, users))
    return replace(exam, asks=tuple(ask for ask in exam.asks if ask.view in VIEWS))


def fitted(name: str, exam: Exam, epochs: int) -> Fitted:
    """Method `name` after so many epochs at most, where it has any."""
    learns = "epochs" in {f.name for f in fields(registry.entry(name).config)}
    return fit_world(Recipe(method=name, options={"epochs": epochs} if learns else {}), exam.world, 0)


def values(answers: Answers, seed: int) -> pl.DataFrame:
    """NDCG@20 (`value`) of each view, k and shopper (`user_id`, of this cut only)."""
    discount = pl.when(pl.col("rank") <= CUTOFF).then(1 / (pl.col("rank") + 1).log(2)).otherwise(0.0)
    ideal = pl.Series([0.0, *np.cumsum(1 / np.log2(np.arange(CUTOFF) + 2))])
    by_user = answers.pairs.group_by("view", "k", "user_id").agg(found=discount.sum(), count=pl.len())
    best = ideal.gather(by_user["count"].clip(upper_bound=CUTOFF))
    own = pl.format("{}:{}", pl.lit(seed), pl.col("user_id"))
    return by_user.select("view", "k", user_id=own, value=pl.col("found") / best)


def gains(own: pl.DataFrame, lead: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """A row a view and k: mean NDCG@20, its difference to k = 0, and how far `lead` is ahead of it, by shopper."""
    before = own.filter(pl.col("k") == 0).select("view", "user_id", before="value")
    both = own.join(before, on=["view", "user_id"]).join(
        lead.rename({"value": "leading"}), on=["view", "k", "user_id"], validate="1:1"
    )
    for view in VIEWS:
        for k in KS:
            part = both.filter((pl.col("view") == view) & (pl.col("k") == k))
            value = part["value"].to_numpy()
            yield {
                "view": view,
                "k": k,
                "users": len(value),
                "ndcg@20": round(float(value.mean()), 5),
                **_bounded("gain", value - part["before"].to_numpy()),
                **_bounded("ahead", part["leading"].to_numpy() - value),
            }


def _bounded(name: str, change: Floats) -> dict[str, float]:
    """Mean of paired differences with its 95 % interval."""
    mean, error = float(change.mean()), 1.96 * float(change.std()) / len(change) ** 0.5
    return {name: round(mean, 5), f"{name}_low": round(mean - error, 5), f"{name}_high": round(mean + error, 5)}


def main() -> None:
    """Measure, print, and write after each method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("name")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--seeds", default="0", help="the cuts, as 0,1")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/meta/k_shot.json"))
    wanted = parser.parse_args()
    dataset, seeds = Dataset.load(wanted.dataset), [int(seed) for seed in wanted.seeds.split(",")]
    exams = [asked(dataset, wanted.users, seed) for seed in seeds]
    lead, leader = None, ""
    for method in wanted.methods.split(","):
        start = time.process_time()
        own = pl.concat(_found(method, exam, wanted.epochs) for exam in exams)
        lead, leader = (own, method) if lead is None else (lead, leader)
        about = {
            "dataset": wanted.name,
            "method": method,
            "epochs": wanted.epochs,
            "cuts": len(seeds),
            "leader": leader,
        }
        rows = [about | row for row in gains(own, lead)]
        for row in rows:
            print(*row.values(), flush=True)
        print(method, "cpu seconds", round(time.process_time() - start, 1), flush=True)
        _kept(wanted.json, rows)


def _found(method: str, exam: Exam, epochs: int) -> pl.DataFrame:
    """What a method fitted on one cut is worth to each of its shoppers."""
    model = fitted(method, exam, epochs)
    return values(answer(exam, method, scores_of(model, exam), 0.0), exam.seed)


def _kept(path: Path, rows: list[dict[str, Any]]) -> None:
    """Add rows to a file, in place of older ones of the same method and data."""
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    new = {(row["dataset"], row["method"]) for row in rows}
    kept = [row for row in old if (row["dataset"], row["method"]) not in new]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept + rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
