"""From answers to figures: the same true pairs for every method, their metrics, intervals and comparisons."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from muslin.data.dataset import Dataset
from muslin.evaluate import claims, metrics
from muslin.evaluate.answers import CUTOFF, Answers
from muslin.evaluate.bootstrap import Estimate, Sample, difference, estimate, holm, p_values
from muslin.evaluate.exam import Protocol
from muslin.evaluate.metrics import Pairs
from muslin.evaluate.result import BOUNDS, REFERENCES, Comparison, Row
from muslin.types import Bools, Ints

Answered = Mapping[str, Sequence[Answers]]
"""Answers of each method, one per seed, all in the same order of seeds."""

_BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Group:
    """The true items of one question (view, k, path): one sample per split, columns metric-major, then method.

    `by_item` marks the columns that add up over items; `whole` says that no true item of the list is left out;
    `n_users`, `n_items` count distinct ones over the splits.
    """

    view: str
    k: int | None
    domain: str
    path: str
    methods: tuple[str, ...]
    samples: list[Sample]
    by_item: Bools
    whole: bool
    n_users: int
    n_items: int

    def columns(self, metric: str, methods: Sequence[str]) -> Ints:
        """Columns of `metric` for `methods`."""
        start = metrics.names(CUTOFF).index(metric) * len(self.methods)
        return np.array([start + self.methods.index(m) for m in methods], dtype=np.int64)


def figures(dataset: Dataset, protocol: Protocol, answered: Answered) -> tuple[tuple[Row, ...], tuple[Comparison, ...]]:
    """Rows and headline comparisons of one protocol."""
    groups = _groups(dataset, answered)
    headline = [g for g in groups if protocol.judges(g.view, g.path)]
    judged = [(g, _judged(g, answered)) for g in headline]
    suspects = {(g.view, g.k, m) for g, methods in judged for m in _suspects(g, methods)}
    views = {g.view for g in headline}
    rows: list[Row] = []
    for group in groups:
        # A view by which nobody is judged takes over what those found that are.
        apart = {group.view} if group.view in views else views
        doubted = {m for view, k, m in suspects if k == group.k and view in apart}
        rows += _rows(dataset.schema.name, protocol.name, group, answered, doubted)
    return tuple(rows), tuple(c for g, methods in judged for c in _comparisons(protocol.name, g, methods))


def contrasts(
    dataset: Dataset, protocol: Protocol, answered: Answered, pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[Row, ...], tuple[Comparison, ...]]:
    """Headline rows of one protocol, and of each of `pairs` the first method against the second, whichever is better.

    Nothing is called suspect here: there need be no references. p values are adjusted for the number of pairs.
    """
    headline = [g for g in _groups(dataset, answered) if protocol.judges(g.view, g.path)]
    rows = [row for g in headline for row in _rows(dataset.schema.name, protocol.name, g, answered, set())]
    compared = [c for g in headline for c in _contrasted(protocol.name, g, pairs)]
    return tuple(rows), tuple(compared)


def _groups(dataset: Dataset, answered: Answered) -> list[Group]:
    methods = tuple(answered)
    n_seeds = len(answered[methods[0]])
    aligned = [_aligned([answered[m][seed].pairs for m in methods], methods, seed) for seed in range(n_seeds)]
    coded = _coded(pl.concat(aligned), dataset)
    found = []
    for view, k, domain in answered[methods[0]][0].lists.select("view", "k", "domain").iter_rows():
        part = coded.filter((pl.col("view") == view) & pl.col("k").eq_missing(k))
        paths = part["path"].unique(maintain_order=True).to_list()
        for path in ["all", *paths] if len(paths) > 1 else paths:
            chosen = part if path == "all" else part.filter(pl.col("path") == path)
            whole = path == "all" or len(paths) == 1
            found.append(_group((view, k, domain, path), methods, chosen, whole=whole))
    return found


def _aligned(frames: list[pl.DataFrame], methods: tuple[str, ...], seed: int) -> pl.DataFrame:
    """One row per true pair with a rank column per method; all methods must have answered the same pairs."""
    keys = ["view", "k", "path", "user_id", "item_id"]
    ordered = [frame.sort("view", "k", "user_id", "item_id", maintain_order=True) for frame in frames]
    if not all(frame.select(keys).equals(ordered[0].select(keys)) for frame in ordered[1:]):
        raise ValueError("methods answered different questions")
    ranks = [frame["rank"].alias(f"rank:{method}") for frame, method in zip(ordered, methods, strict=True)]
    return ordered[0].select(keys).with_columns(*ranks, seed=pl.lit(seed))


def _coded(pairs: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Integer codes of shopper, item and garment (= family: siblings succeed and fail together) over all splits."""
    family = dataset.items.select("item_id", "family")
    joined = pairs.join(family, on="item_id", how="left", maintain_order="left")
    return joined.with_columns(
        user=pl.col("user_id").rank("dense").cast(pl.Int64) - 1,
        item=pl.col("item_id").rank("dense").cast(pl.Int64) - 1,
        garment=pl.col("family").fill_null(pl.col("item_id")).rank("dense").cast(pl.Int64) - 1,
    )


def _group(
    asked: tuple[str, int | None, str, str], methods: tuple[str, ...], pairs: pl.DataFrame, *, whole: bool
) -> Group:
    # Codes are made dense again: a group holds but some of the shoppers, and weights are drawn for all codes.
    dense = pairs.with_columns(pl.col("user", "garment").rank("dense").cast(pl.Int64) - 1).sort("seed", "user", "item")
    splits = dense.partition_by("seed", maintain_order=True)
    parted = [_sample(split, methods) for split in splits]
    n_users, n_items = dense["user"].n_unique(), dense["item"].n_unique()
    view, k, domain, path = asked
    return Group(view, k, domain, path, methods, [s for s, _ in parted], parted[0][1], whole, n_users, n_items)


def _sample(split: pl.DataFrame, methods: tuple[str, ...]) -> tuple[Sample, Bools]:
    user = split["user"].to_numpy()
    ranks = split.select(f"rank:{m}" for m in methods).to_numpy()
    parts = metrics.parts(Pairs(user, split["item"].to_numpy(), ranks), CUTOFF).values()
    gain = np.concatenate([p.gain for p in parts], axis=1)
    unit = np.repeat(np.stack([p.unit for p in parts], axis=1), len(methods), axis=1)
    by_item = np.repeat([p.by_item for p in parts], len(methods))
    return Sample(user, split["garment"].to_numpy(), gain, unit), by_item


def _rows(dataset: str, protocol: str, group: Group, answered: Answered, suspects: set[str]) -> list[Row]:
    spent = {m: round(float(np.mean([a.fit_cpu_s for a in answers])), 3) for m, answers in answered.items()}
    return [
        Row(
            protocol=protocol,
            dataset=dataset,
            domain=group.domain,
            view=group.view,
            method=method,
            path=group.path,
            k=group.k,
            metric=metric,
            value=value,
            ci_low=low,
            ci_high=high,
            n_users=group.n_users,
            n_items=group.n_items,
            seeds=len(group.samples),
            fit_cpu_s=spent[method],
            suspect=method in suspects,
        )
        for metric, method, value, low, high in _measured(group, answered)
    ]


def _measured(group: Group, answered: Answered) -> Iterator[tuple[str, str, float, float | None, float | None]]:
    """Metric, method, value, and interval of everything measured on the group."""
    found = estimate(group.samples, group.by_item, _BOOTSTRAP_SEED)
    for metric in metrics.names(CUTOFF):
        for method, c in zip(group.methods, group.columns(metric, group.methods), strict=True):
            value, low, high = (round(float(x[c]), 9) for x in (found.value, found.low, found.high))
            yield metric, method, value, low, high
    if group.whole:
        for name in ("coverage", "gini"):
            for method in group.methods:
                yield f"{name}@{CUTOFF}", method, round(_of_lists(name, group, answered[method]), 9), None, None
    for method in group.methods:
        for name, value in _stated(group, answered[method]):
            if np.isfinite(value):
                yield name, method, round(value, 9), None, None


def _stated(group: Group, answers: Sequence[Answers]) -> Iterator[tuple[str, float]]:
    """Whether what a method says of its own scores comes true, means over the splits; nothing where it says nothing."""
    shown = [a.shown.filter(_asked(group)) for a in answers if a.shown is not None]
    if shown:
        parts = [s if group.path == "all" else s.filter(pl.col("path") == group.path) for s in shown]
        yield claims.ECE, float(np.mean([claims.ece(p["chance"].to_numpy(), p["taken"].to_numpy()) for p in parts]))
    guessed = [a.guessed.filter(pl.col("view") == group.view) for a in answers if a.guessed is not None]
    if group.whole and group.k is not None and guessed:
        earlier = [g.filter(pl.col("k") == group.k) for g in guessed]
        later = [g.filter(pl.col("k") == g["k"].max()) for g in guessed]
        yield claims.INTERVAL, float(np.mean([claims.covered(a, b) for a, b in zip(earlier, later, strict=True)]))


def _asked(group: Group) -> pl.Expr:
    return (pl.col("view") == group.view) & pl.col("k").eq_missing(group.k)


def _judged(group: Group, answered: Answered) -> list[str]:
    """Entrants who answered somebody themselves; who knew nothing of anybody answered with popularity throughout."""
    entrants = [m for m in group.methods if m not in BOUNDS]
    return [m for m in entrants if _of_lists("fallback", group, answered[m]) < 1.0]


def _of_lists(column: str, group: Group, answers: Sequence[Answers]) -> float:
    """Mean over the splits of a figure that belongs to the group's list as a whole."""
    return float(np.mean([a.lists.filter(_asked(group))[column][0] for a in answers]))


def _paired(group: Group, left: Sequence[str], right: Sequence[str]) -> Estimate:
    """Differences of the headline metric between the methods `left` and `right`, one by one."""
    metric = metrics.names(CUTOFF)[0]
    samples = difference(group.samples, group.columns(metric, left), group.columns(metric, right))
    return estimate(samples, np.ones(len(left), dtype=bool), _BOOTSTRAP_SEED, bounds=(-1.0, 1.0))


def _suspects(group: Group, judged: Sequence[str]) -> list[str]:
    """Methods whose paired interval over random or over popularity touches zero; the references are none."""
    entrants = [m for m in judged if m not in REFERENCES]
    if not entrants:
        return []
    low = [_paired(group, entrants, [reference] * len(entrants)).low for reference in REFERENCES]
    return [m for m, worst in zip(entrants, np.min(low, axis=0), strict=True) if worst <= 0]


def _comparisons(protocol: str, group: Group, entrants: Sequence[str]) -> list[Comparison]:
    """The best entrant against each of the others."""
    if len(entrants) < 2:
        return []
    metric = metrics.names(CUTOFF)[0]
    value = np.mean([s.value() for s in group.samples], axis=0)[group.columns(metric, entrants)]
    best = entrants[int(np.argmax(value))]
    others = [m for m in entrants if m != best]
    return _contrasted(protocol, group, [(best, m) for m in others], len(entrants) * (len(entrants) - 1) // 2)


def _contrasted(
    protocol: str, group: Group, pairs: Sequence[tuple[str, str]], tests: int | None = None
) -> list[Comparison]:
    """The first of each pair less the second; `tests` as for `holm`."""
    if not pairs:
        return []
    found = _paired(group, [a for a, _ in pairs], [b for _, b in pairs])
    p = holm(p_values(found), tests)
    return [
        Comparison(
            protocol=protocol,
            view=group.view,
            path=group.path,
            k=group.k,
            metric=metrics.names(CUTOFF)[0],
            best=best,
            other=other,
            value=float(found.value[i]),
            ci_low=float(found.low[i]),
            ci_high=float(found.high[i]),
            p=float(p[i]),
        )
        for i, (best, other) in enumerate(pairs)
    ]
