"""Try to break our claims: `python -m benchmarks.cold_start.falsify [DATASET]`; each line says whether one survives.

Without DATASET a planted boutique is used, where everything claimed is true by construction; a claim that does not
survive there is a fault of ours. On real data a claim may fall, and then whatever rests on it has to go.

* content: with the content permuted among garments, no more than a fifth of what new garments gain over chance is left.
* source: with the source events given to other shoppers, what was won by reading them over popularity is gone.
* offset: against a rival that shows as many new garments, more than a fifth of the gain in the whole catalogue is left.
* learning: what is learned ranks new garments better than comparing their content as it is.
* posterior: after k events the full posterior ranks better than the additive sum, at some k.
* interval: of the 90 % intervals of scores, at every k, no fewer than 80 % hold what the score is after all events.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from muslin import registry
from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.evaluate.claims import INTERVAL
from muslin.evaluate.result import Result
from muslin.method import Uncertain
from muslin.random import stream
from muslin.recipes.evaluate import evaluate

_LEFT = 0.2
"""Share of a gain that may be left without the thing it is said to come from."""
_SHARE = "new 10 %"
_HELD = 0.8
"""Share of 90 % intervals that must hold."""


@dataclass(frozen=True)
class Terms:
    """How much is asked: `seeds` cuts, `max_users` shoppers a question."""

    seeds: int = 3
    max_users: int = 1000


@dataclass(frozen=True)
class Verdict:
    """A claim, the figures that decide, and whether it survives; None where the data cannot decide."""

    claim: str
    figures: str
    survives: bool | None


Test = Callable[[Dataset, Terms], list[Verdict]]


def content(dataset: Dataset, terms: Terms) -> list[Verdict]:
    """Permuted content leaves at most `_LEFT` of the gain over chance among new garments."""
    methods = ("content_knn", "content_blend", "two_tower")
    real, mixed_up = (_figures(_asked(d, terms, methods, "item-cold")) for d in (dataset, permuted(dataset)))
    found = []
    for method in methods:
        gain = real["item-cold", "within", "cold", 0][method] - real["item-cold", "within", "cold", 0]["random"]
        rest = mixed_up["item-cold", "within", "cold", 0]
        left = (rest[method] - rest["random"]) / gain if gain > 0 else float("inf")
        figures = f"gain over chance {gain:.4f}; with permuted content {left:.0%} of it"
        found.append(Verdict(f"content is what {method} ranks new garments by", figures, left <= _LEFT))
    return found


def source(dataset: Dataset, terms: Terms) -> list[Verdict]:
    """Source events of other shoppers leave at most `_LEFT` of the gain over popularity in the target domain."""
    method = "popularity_segment"
    real, shuffled = (_figures(_asked(d, terms, (method,), "cross-domain")) for d in (dataset, swapped(dataset)))
    found = []
    for where, values in real.items():
        gain = values[method] - values["popularity"]
        rest = shuffled[where][method] - shuffled[where]["popularity"]
        figures = f"{values['popularity']:.4f} to {values[method]:.4f}; shuffled {shuffled[where][method]:.4f}"
        survives = None if gain <= 0 else rest <= _LEFT * gain
        found.append(Verdict(f"{where[1]}: the source says what its own shopper wants", figures, survives))
    return found


def offset(dataset: Dataset, terms: Terms) -> list[Verdict]:
    """At an equal share of the places for new garments, more than `_LEFT` of the gain over iALS is left."""
    method, rival = "two_tower", "ials"
    found = _figures(_asked(dataset, terms, (method, rival), "item-cold", "mixed"))
    natural, level = found["item-cold", "full", "cold", 0], found["mixed", _SHARE, "cold", 0]
    gain, left = natural[method] - natural[rival], level[method] - level[rival]
    figures = f"new garments in the whole catalogue {gain:+.4f}; at equal exposure {left:+.4f}"
    claim = f"{method} finds the right new garments, not merely more of them than {rival}"
    return [Verdict(claim, figures, None if gain <= 0 else left > _LEFT * gain)]


def learning(dataset: Dataset, terms: Terms) -> list[Verdict]:
    """What is learned beats the cosine of content as it is, with the paired interval above zero."""
    result = _asked(dataset, terms, ("content_knn", "two_tower"), "item-cold")
    found = [c for c in result.comparisons if {c.best, c.other} == {"two_tower", "content_knn"}]
    values = _figures(result)["item-cold", "within", "cold", 0]
    figures = f"{values['content_knn']:.4f} to {values['two_tower']:.4f}"
    survives = any(c.best == "two_tower" and c.ci_low > 0 for c in found)
    return [Verdict("the learned encoder beats tf-idf cosine among new garments", figures, survives)]


def posterior(dataset: Dataset, terms: Terms) -> list[Verdict]:
    """The Gaussian process on the residual beats the additive sum over the same buyers at some k > 0."""
    ks = (0, 1, 3, 5)
    found = _figures(_asked(dataset, terms, ("prior_knn", "gp_residual"), "k-shot", ks=ks))
    gain = {k: found["k-shot", "garments", "warming", k] for k in ks if k}
    figures = ", ".join(f"k = {k}: {v['prior_knn']:.4f} and {v['gp_residual']:.4f}" for k, v in gain.items())
    survives = any(v["gp_residual"] > v["prior_knn"] for v in gain.values())
    return [Verdict("the posterior beats the additive sum", figures, survives)]


def interval(dataset: Dataset, terms: Terms) -> list[Verdict]:
    """Intervals of every method that states how uncertain it is hold at least `_HELD` of the later scores."""
    sayers = tuple(name for name in registry.names() if isinstance(registry.build(name), Uncertain))
    return intervals(_asked(dataset, terms, sayers, "k-shot", ks=(0, 1, 3, 10)), sayers)


def intervals(result: Result, sayers: Sequence[str]) -> list[Verdict]:
    """A verdict for each of `sayers`, by what `result` measured at each k of new garments."""
    found = []
    for method in sayers:
        rows = [r for r in result.rows if (r.method, r.metric, r.view) == (method, INTERVAL, "garments")]
        figures = ", ".join(f"k = {r.k}: {r.value:.0%}" for r in rows)
        survives = all(r.value >= _HELD for r in rows) if rows else None
        found.append(Verdict(f"the 90 % intervals of {method} hold", figures, survives))
    return found or [Verdict("90 % intervals hold", "no method says how uncertain it is", None)]


TESTS: dict[str, Test] = {
    "content": content,
    "source": source,
    "offset": offset,
    "learning": learning,
    "posterior": posterior,
    "interval": interval,
}


def permuted(dataset: Dataset, seed: int = 0) -> Dataset:
    """Every garment described as another one; families, domains and events stay."""
    kept = ["item_id", "family", "domain"]
    others = [name for name in dataset.items.columns if name not in kept]
    order = stream(seed, "falsify", "content").permutation(len(dataset.items)).tolist()
    return replace(
        dataset, items=pl.concat([dataset.items.select(kept), dataset.items[order].select(others)], how="horizontal")
    )


def swapped(dataset: Dataset, seed: int = 0) -> Dataset:
    """In each domain but the first, the events of every shopper given to another shopper of that domain."""
    domain = dataset.items.select("item_id", "domain")
    parts = []
    for (name,), events in sorted(
        dataset.events.join(domain, on="item_id").group_by("domain"), key=lambda part: str(part[0])
    ):
        users = events["user_id"].unique().sort()
        other = users.gather(stream(seed, "falsify", str(name)).permutation(len(users)).tolist())
        parts.append(events.with_columns(pl.col("user_id").replace_strict(users, other)))
    return dataset.with_events(pl.concat(parts).select(dataset.events.columns).sort("timestamp"))


def _asked(
    dataset: Dataset, terms: Terms, methods: tuple[str, ...], *protocols: str, ks: tuple[int, ...] = (0, 1, 3)
) -> Result:
    bare = replace(dataset, root=None)  # permuted data has no truth
    return evaluate(bare, protocols=protocols, methods=methods, ks=ks, seeds=terms.seeds, max_users=terms.max_users)


def _figures(result: Result) -> dict[tuple[str, str, str, int | None], dict[str, float]]:
    """Headline metric of each method, by protocol, view, path and k."""
    found: dict[tuple[str, str, str, int | None], dict[str, float]] = {}
    for row in result.rows:
        if row.metric == result.headline:
            found.setdefault((row.protocol, row.view, row.path, row.k), {})[row.method] = row.value
    return found


def main() -> int:
    """Print a line per claim; the exit status is the number of claims that fell."""
    parser = argparse.ArgumentParser(prog="benchmarks.cold_start.falsify", description=__doc__)
    parser.add_argument("dataset", nargs="?", type=Path, help="a dataset; a planted boutique by default")
    parser.add_argument("--tests", default=",".join(TESTS), help=", ".join(TESTS))
    parser.add_argument("--seeds", type=int, default=Terms.seeds)
    parser.add_argument("--max-users", type=int, default=Terms.max_users)
    wanted = parser.parse_args()
    terms, fallen = Terms(wanted.seeds, wanted.max_users), 0
    with tempfile.TemporaryDirectory() as place:
        shape = BoutiqueConfig(n_users=3000, n_events=30_000, pictures=False)
        dataset = Dataset.load(wanted.dataset) if wanted.dataset else make(Path(place) / "shop", shape, seed=0)
        for name in wanted.tests.split(","):
            for verdict in TESTS[name](dataset, terms):
                word = {True: "survives", False: "FALLS", None: "undecided"}[verdict.survives]
                fallen += verdict.survives is False
                print(f"{word:10} {name}: {verdict.claim}\n           {verdict.figures}", flush=True)
    return fallen


if __name__ == "__main__":
    sys.exit(main())
