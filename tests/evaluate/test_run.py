"""End to end on the planted shop, with methods of which it is known beforehand how they must fare."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.errors import DataError, ModelError, UsageError
from muslin.evaluate import run
from muslin.evaluate.exam import Ask, Block, Terms
from muslin.evaluate.protocol import protocol
from muslin.evaluate.result import Result, Row
from muslin.features.space import World
from muslin.method import Fitted
from muslin.testing.worlds import tiny_shop
from muslin.types import Items, Params, TrainData, Users

SEEDS = (0, 1)
LISTS = {"coverage@20", "gini@20"}
"""Metrics that describe the lists made and estimate nothing."""


class Toy:
    """A method that is a function of shopper rows and candidate rows of the world."""

    def __init__(self, function: Callable[[Users, Items], np.ndarray], *, reads_history: bool) -> None:
        self.function = function
        self.evidence = frozenset({"history"}) if reads_history else frozenset()

    def init(self, data: TrainData, seed: int) -> Params:
        return {}

    def score(self, params: Params, users: Users, items: Items) -> torch.Tensor:
        return torch.from_numpy(np.asarray(self.function(users, items), dtype=np.float32))


class Toys:
    """The fit callable; counts what it fitted."""

    def __init__(self, dataset: Dataset) -> None:
        self.liked = set(dataset.events.select("user_id", "item_id").iter_rows())
        self.fitted: list[tuple[str, int]] = []

    def __call__(self, name: str, world: World, seed: int) -> Fitted:
        self.fitted.append((name, seed))
        return Fitted(Toy(getattr(self, name)(world), reads_history=name == "colour"), {})

    def popularity(self, world: World) -> Callable[[Users, Items], np.ndarray]:
        return lambda users, items: np.tile(world.popularity[items.rows], (len(users), 1))

    def constant(self, world: World) -> Callable[[Users, Items], np.ndarray]:
        return lambda users, items: np.full((len(users), len(items)), 7.0)

    def colour(self, world: World) -> Callable[[Users, Items], np.ndarray]:
        """Whether the item shares features with the history: what there honestly is to learn in this shop."""
        features = world.catalogue.features.matrix
        return lambda users, items: (users.history @ features @ features[items.rows].T).toarray()

    def perfect(self, world: World) -> Callable[[Users, Items], np.ndarray]:
        """Knows every hidden pair of the shoppers it was trained on."""
        names = world.catalogue.ids

        def function(users: Users, items: Items) -> np.ndarray:
            shoppers = [world.shoppers.ids[row] if row >= 0 else None for row in users.rows]
            return np.array([[float((u, i) in self.liked) for i in names[items.rows]] for u in shoppers])

        return function

    def peeking(self, world: World) -> Callable[[Users, Items], np.ndarray]:
        """Knows the hidden pairs of cold items only; of the others nothing."""
        perfect = self.perfect(world)
        return lambda users, items: perfect(users, items) * (items.rows >= world.catalogue.n_hot)

    def shouting(self, world: World) -> Callable[[Users, Items], np.ndarray]:
        """The honest method with a constant on top for all cold items."""
        colour = self.colour(world)
        return lambda users, items: colour(users, items) + 1e6 * (items.rows >= world.catalogue.n_hot)

    def broken(self, world: World) -> Callable[[Users, Items], np.ndarray]:
        return lambda users, items: np.full((len(users), len(items)), np.nan)


METHODS = ("constant", "colour", "perfect", "peeking", "shouting")


@pytest.fixture(scope="module")
def result(dataset: Dataset) -> Result:
    return run.evaluate(dataset, run.fitted(Toys(dataset)), methods=METHODS, seeds=SEEDS)


def row(
    result: Result, method: str, protocol: str, view: str, path: str, k: int | None, metric: str = "ndcg@20"
) -> Row:
    (found,) = [r for r in result.find(metric, protocol, view, path, k) if r.method == method]
    return found


def by_chance(ask: Ask, labels: Sequence[str] = ("cold", "hot", "warming"), cutoff: int = 20) -> float:
    """Expected NDCG of a random order."""
    discount = 1 / np.log2(np.arange(2, cutoff + 2))
    per_user = []
    for u in range(len(ask.users)):
        wanted = int(np.isin(ask.labels[ask.truth[u].indices], labels).sum())
        n = len(ask.items) - ask.seen[u].nnz
        if wanted:
            per_user.append(wanted * discount[:n].sum() / n / discount[: min(wanted, cutoff)].sum())
    return float(np.mean(per_user))


def test_a_perfect_scorer_gets_one(result: Result) -> None:
    for where in (("item-cold", "within", "cold", 0), ("item-cold", "full", "all", 0), ("warm", "full", "hot", None)):
        for metric in ("ndcg@20", "recall@20", "mrr"):
            found = row(result, "perfect", *where, metric)
            assert (found.value, found.ci_high, found.suspect) == (1.0, 1.0, False)
            # Of several true items only one can be first, so an item's part of the NDCG varies even here.
            assert found.ci_low > (0.95 if metric == "ndcg@20" else 0.999999)


@pytest.mark.parametrize("method", ["random", "constant"])
@pytest.mark.parametrize(
    ("name", "view", "path", "k"),
    [
        ("item-cold", "within", "cold", 0),
        ("item-cold", "full", "all", 0),
        ("item-cold", "full", "cold", 0),
        ("item-cold", "full", "hot", 0),
        ("user-cold", "full", "warming", 3),
        ("warm", "full", "hot", None),
    ],
)
def test_knowing_nothing_gets_what_chance_gives(
    dataset: Dataset, result: Result, method: str, name: str, view: str, path: str, k: int | None
) -> None:
    exams = [protocol(name).build(dataset, Terms(seed)) for seed in SEEDS]
    asks = [next(a for a in e.asks if (a.view, a.k) == (view, k)) for e in exams]
    labels = ("cold", "hot") if path == "all" else (path,)
    expected = np.mean([by_chance(ask, labels) for ask in asks])
    found = row(result, method, name, view, path, k)
    # Three standard errors of the smallest sample; the colour alone is worth 0.2.
    assert found.value == pytest.approx(expected, abs=0.035)
    assert found.ci_high - found.ci_low > 2 * abs(found.value - expected)


def test_chance_is_hit_on_average_over_many_shoppers(dataset: Dataset) -> None:
    seeds = range(6)
    found = run.evaluate(dataset, run.fitted(Toys(dataset)), methods=["constant"], protocols=["item-cold"], seeds=seeds)
    within = [protocol("item-cold").build(dataset, Terms(seed)).asks[0] for seed in seeds]
    expected = np.mean([by_chance(ask) for ask in within])
    assert row(found, "constant", "item-cold", "within", "cold", 0).value == pytest.approx(expected, abs=0.02)


def test_a_method_that_peeks_at_cold_pairs_shows_where_it_peeked_and_only_there(result: Result) -> None:
    assert row(result, "peeking", "item-cold", "within", "cold", 0).value == 1.0
    assert row(result, "peeking", "item-cold", "full", "cold", 0).value == 1.0
    honest = row(result, "colour", "item-cold", "within", "cold", 0)
    assert honest.ci_high < 0.95
    nothing = row(result, "constant", "warm", "full", "hot", None)
    there = row(result, "peeking", "warm", "full", "hot", None)
    assert there.value == nothing.value
    assert there.suspect


def test_an_offset_on_cold_items_shows_in_the_whole_catalogue(result: Result) -> None:
    def of(method: str, view: str, path: str) -> float:
        return row(result, method, "item-cold", view, path, 0, "recall@20").value

    assert of("shouting", "within", "cold") == of("colour", "within", "cold")
    assert of("shouting", "full", "cold") > of("colour", "full", "cold") + 0.1
    assert of("shouting", "full", "hot") < of("colour", "full", "hot") - 0.2


def test_what_can_be_learned_beats_chance_with_intervals_apart(result: Result) -> None:
    for where in (
        ("item-cold", "within", "cold", 0),
        ("user-cold", "full", "warming", 1),
        ("warm", "full", "hot", None),
    ):
        assert row(result, "colour", *where).ci_low > row(result, "random", *where).ci_high
        assert not row(result, "colour", *where).suspect


def test_who_does_not_beat_random_and_popularity_is_suspect_and_references_are_not(result: Result) -> None:
    assert all(r.suspect for r in result.rows if r.method == "constant" and r.protocol != "user-cold")
    assert not any(r.suspect for r in result.rows if r.method in ("random", "popularity"))


def test_rows_are_complete_and_finite(result: Result) -> None:
    for found in result.rows:
        assert np.isfinite(found.value)
        assert 0.0 <= found.value <= 1.0
        assert (found.ci_low is None) == (found.ci_high is None) == (found.metric in LISTS)
        assert found.ci_low is None or found.ci_low <= found.value <= found.ci_high
        assert (found.seeds, found.domain, found.dataset) == (2, "all", "shop")
    questions = {(r.protocol, r.view, r.path, r.k) for r in result.rows}
    assert questions == {
        ("item-cold", "within", "cold", 0),
        *(("item-cold", "full", path, 0) for path in ("all", "cold", "hot")),
        ("user-cold", "full", "cold", 0),
        *(("user-cold", "full", "warming", k) for k in (1, 3)),
        ("warm", "full", "hot", None),
    }
    for question in questions:
        metrics = {r.metric for r in result.rows if (r.protocol, r.view, r.path, r.k) == question}
        part = question[:3] in {("item-cold", "full", "cold"), ("item-cold", "full", "hot")}
        assert metrics == {"ndcg@20", "recall@20", "mrr", "stratified@20", "mdg@20"} | (set() if part else LISTS)


def test_coverage_tells_one_list_for_all_from_lists_of_ones_own(result: Result) -> None:
    assert row(result, "popularity", "warm", "full", "hot", None, "coverage@20").value < 0.5
    assert row(result, "random", "warm", "full", "hot", None, "coverage@20").value == 1.0


def test_the_best_is_compared_with_each_of_the_others(result: Result) -> None:
    found = [c for c in result.comparisons if c.protocol == "item-cold"]
    assert {c.best for c in found} == {"perfect"}
    assert {c.other for c in found} == {"popularity", "constant", "colour", "peeking", "shouting"}
    tied = next(c for c in found if c.other == "peeking")
    assert (tied.value, tied.p) == (0.0, 1.0)
    assert next(c for c in found if c.other == "constant").p < 0.05


def test_each_method_is_fitted_once_per_protocol_and_seed_and_random_never(dataset: Dataset) -> None:
    fit = Toys(dataset)
    run.evaluate(
        dataset, run.fitted(fit), methods=["random", "colour"], protocols=["user-cold"], ks=(0, 1), seeds=(5, 6)
    )
    assert fit.fitted == [("popularity", 5), ("colour", 5), ("popularity", 6), ("colour", 6)]


def test_the_same_call_gives_the_same_rows(dataset: Dataset) -> None:
    def rows() -> list[Row]:
        found = run.evaluate(dataset, run.fitted(Toys(dataset)), methods=["colour"], seeds=(3,), max_users=20)
        return [replace(r, fit_cpu_s=0.0) for r in found.rows]

    assert rows() == rows()


def test_max_users_bounds_the_shoppers_of_every_question(dataset: Dataset) -> None:
    found = run.evaluate(dataset, run.fitted(Toys(dataset)), methods=[], seeds=(0,), max_users=10)
    assert {r.n_users for r in found.rows if r.path not in ("cold", "hot") or r.view == "within"} == {10}


def test_blocks_of_shoppers_change_nothing(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> list[Row]:
        found = run.evaluate(dataset, run.fitted(Toys(dataset)), methods=["colour"], seeds=(0,))
        return [replace(r, fit_cpu_s=0.0) for r in found.rows]

    whole = rows()
    monkeypatch.setattr("muslin.evaluate.answers._CELLS", 500)
    assert rows() == whole


def test_a_method_that_gives_nan_is_named(dataset: Dataset) -> None:
    with pytest.raises(ModelError, match="'broken'"):
        run.evaluate(dataset, run.fitted(Toys(dataset)), methods=["broken"], seeds=(0,))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"protocols": ["item-warm"]}, "unknown_protocol"),
        ({"seeds": ()}, "no_seed"),
        ({"ks": (-1,)}, "bad_k"),
        ({"max_users": 0}, "bad_limit"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_fitted(dataset: Dataset, wrong: dict, code: str) -> None:
    fit = Toys(dataset)
    with pytest.raises(UsageError) as caught:
        run.evaluate(dataset, run.fitted(fit), methods=["colour"], **wrong)
    assert caught.value.code == code
    assert not fit.fitted


def test_a_dataset_too_small_to_cut_says_so(dataset: Dataset) -> None:
    with pytest.raises(DataError) as caught:
        run.evaluate(dataset.with_events(dataset.events.head(1)), run.fitted(Toys(dataset)), methods=[], seeds=(0,))
    assert caught.value.code == "too_small"


def test_a_method_that_knows_nothing_of_anybody_is_not_judged(result: Result) -> None:
    assert result.facts.fallback == {"user-cold k = 0": {"colour": 1.0}}
    cold = row(result, "colour", "user-cold", "full", "cold", 0)
    assert not cold.suspect
    assert cold.value == row(result, "popularity", "user-cold", "full", "cold", 0).value
    compared = [c for c in result.comparisons if c.k == 0 and c.protocol == "user-cold"]
    judged = {c.other for c in compared} | {c.best for c in compared}
    assert judged == {"popularity", "constant", "perfect", "peeking", "shouting"}


def test_an_interrupted_run_goes_on_from_what_is_finished(dataset: Dataset, tmp_path: Path) -> None:
    class Interrupted(Toys):
        def colour(self, world: World) -> Callable[[Users, Items], np.ndarray]:
            if len(self.fitted) > 5:
                raise KeyboardInterrupt
            return super().colour(world)

    asked = {"methods": ["constant", "colour"], "protocols": ["warm"], "seeds": (0, 1)}
    first = Interrupted(dataset)
    with pytest.raises(KeyboardInterrupt):
        run.evaluate(dataset, run.fitted(first), cache=tmp_path, **asked)
    assert not list(tmp_path.glob(".draft*"))
    again = Toys(dataset)
    resumed = run.evaluate(dataset, run.fitted(again), cache=tmp_path, **asked)
    assert again.fitted == [("colour", 1)]
    fresh = run.evaluate(dataset, run.fitted(Toys(dataset)), **asked)
    assert [replace(r, fit_cpu_s=0.0) for r in resumed.rows] == [replace(r, fit_cpu_s=0.0) for r in fresh.rows]


def test_kept_answers_are_not_used_for_other_data_or_other_terms(dataset: Dataset, tmp_path: Path) -> None:
    def fitted(data: Dataset, **terms: object) -> int:
        fit = Toys(data)
        run.evaluate(data, run.fitted(fit), methods=[], protocols=["warm"], seeds=(0,), cache=tmp_path, **terms)
        return len(fit.fitted)

    assert fitted(dataset) == 1
    assert fitted(dataset) == 0
    assert fitted(dataset, max_users=9) == 1
    recoloured = dataset.items.with_columns(colour=pl.lit("white"))
    assert fitted(replace(dataset, items=recoloured)) == 1
    assert fitted(dataset.with_events(dataset.events.head(1000))) == 1


def test_the_oracle_is_a_ceiling_on_planted_data(tmp_path: Path) -> None:
    config = BoutiqueConfig(n_items=300, n_users=400, n_events=6000, pictures=False)
    boutique = make(tmp_path / "boutique", config, seed=0)
    found = run.evaluate(boutique, run.fitted(Toys(boutique)), methods=["colour"], seeds=(0,))
    assert found.facts.methods == ("random", "popularity", "colour", "oracle")
    for where in (("item-cold", "within", "cold", 0), ("warm", "full", "hot", None)):
        best = row(found, "oracle", *where)
        assert best.ci_low > row(found, "random", *where).ci_high
        assert best.value > row(found, "colour", *where).value
        assert not best.suspect


def test_an_oracle_that_knows_all_gets_one_even_of_new_shoppers(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    liked = set(dataset.events.select("user_id", "item_id").iter_rows())

    def all_knowing(ask: Ask, rows: slice) -> Block:
        users, names = ask.users[rows], ask.items.catalogue.ids[ask.items.rows]
        scores = np.array([[float((u, i) in liked) for i in names] for u in users], dtype=np.float32)
        return Block(scores, np.zeros(len(users), dtype=bool))

    monkeypatch.setattr(run, "_oracle", lambda _: all_knowing)
    found = run.evaluate(dataset, run.fitted(Toys(dataset)), methods=[], protocols=["user-cold"], seeds=(0,))
    assert {r.value for r in found.rows if r.method == "oracle" and r.metric == "ndcg@20"} == {1.0}


def test_json_rows_have_exactly_the_promised_keys(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    result.to_json(tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert len(rows) == len(result.rows)
    keys = (
        "protocol dataset domain view method path k metric value ci_low ci_high n_users n_items seeds fit_cpu_s suspect"
    )
    assert all(list(r) == keys.split() for r in rows)
    result.to_json("-")
    assert json.loads(capsys.readouterr().out) == rows


def test_a_crippled_baseline_is_reported_with_the_figures_and_again_from_the_cache(tmp_path: Path) -> None:
    class Crippled(Toys):
        def popularity(self, world: World) -> Callable[[Users, Items], np.ndarray]:
            return lambda users, items: np.tile(-world.popularity[items.rows], (len(users), 1))

    shop = tiny_shop()
    asked = {"methods": [], "protocols": ["warm"], "seeds": (0,), "cache": tmp_path}
    for _ in range(2):
        found = run.evaluate(shop, run.fitted(Crippled(shop)), **asked)
        checks = [(f.check, f.violation) for f in found.findings if "reference" in f.check]
        assert checks == [("baseline weaker than its reference", True)]


def test_who_beats_the_oracle_has_seen_the_answers(tmp_path: Path) -> None:
    shape = BoutiqueConfig(n_items=200, n_users=400, n_events=6_000, pictures=False)
    boutique = make(tmp_path / "shop", shape, seed=0)
    asked = {"methods": ["colour", "perfect"], "protocols": ["warm"], "seeds": (0,)}
    found = run.evaluate(boutique, run.fitted(Toys(boutique)), **asked)
    caught = [f.note.split()[0] for f in found.findings if f.check == "better than the oracle" and f.violation]
    assert caught == ["perfect"]
