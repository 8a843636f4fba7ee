"""Claims about scores, on worlds where it is known what is true."""

import io
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from muslin.data.dataset import Dataset
from muslin.errors import ModelError
from muslin.evaluate import claims, run
from muslin.evaluate.report import render
from muslin.evaluate.result import Result
from muslin.features.space import World
from muslin.method import Fitted
from muslin.types import Items, Params, Support, TrainData, Users


def slow_ece(chance: list[float], taken: list[bool], bins: int) -> float:
    """From the definition, for distinct probabilities of which each bin gets as many."""
    order, error = sorted(zip(chance, taken, strict=True)), 0.0
    size = len(order) // bins
    for start in range(0, len(order), size):
        part = order[start : start + size]
        error += len(part) / len(order) * abs(sum(p for p, _ in part) / size - sum(t for _, t in part) / size)
    return error


@given(st.integers(0, 10_000), st.integers(2, 8), st.integers(1, 6))
def test_calibration_error_is_what_its_definition_says(seed: int, bins: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    chance = rng.permutation(bins * size) / (bins * size)
    taken = rng.random(len(chance)) < 0.4
    assert claims.ece(chance, taken, bins) == pytest.approx(slow_ece(chance.tolist(), taken.tolist(), bins))


def test_who_tells_the_truth_has_no_error_and_who_exaggerates_has_as_much_as_they_do() -> None:
    rng = np.random.default_rng(0)
    truth = rng.beta(1, 8, 400_000)
    taken = rng.random(len(truth)) < truth
    assert claims.ece(truth, taken) < 0.003
    assert claims.ece(truth / 2, taken) == pytest.approx(truth.mean() / 2, abs=0.003)
    constant = np.full(len(truth), truth.mean())
    assert claims.ece(constant, taken) < 0.003  # knows nothing, and says so
    assert np.isnan(claims.ece(truth[:0], taken[:0]))


def beliefs(sure: float, events: int = 5, n: int = 20_000) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Normal means with a normal prior, and after `events` looks at them; spreads `sure` times the right ones."""
    rng = np.random.default_rng(1)
    variance, noise = 2.0, 3.0
    truth = rng.normal(0, np.sqrt(variance), n)
    seen = truth[:, None] + rng.normal(0, np.sqrt(noise), (n, events))
    left = 1 / (1 / variance + events / noise)
    names = {"user_id": [f"u{i}" for i in range(n)], "item_id": ["i"] * n}
    before = pl.DataFrame(names | {"score": np.zeros(n), "spread": np.full(n, sure * np.sqrt(variance))})
    after = pl.DataFrame(names | {"score": left * seen.sum(axis=1) / noise, "spread": np.full(n, sure * np.sqrt(left))})
    return before, after


def test_intervals_of_who_learns_by_bayes_rule_hold_as_often_as_they_say() -> None:
    assert claims.covered(*beliefs(1.0)) == pytest.approx(0.9, abs=0.01)
    assert claims.covered(*beliefs(0.5)) < 0.65
    assert claims.covered(*beliefs(2.0)) > 0.99


def test_where_nothing_was_learned_nothing_is_said() -> None:
    before, _ = beliefs(1.0, n=10)
    assert np.isnan(claims.covered(before, before))


class Sayer:
    """Knows how likely each kind of pair is in the planted shop, and that its scores will not move."""

    evidence = frozenset({"history"})

    def __init__(self, world: World, *, factor: float = 1.0) -> None:
        features = world.catalogue.features.matrix
        self.alike = lambda users, items: (users.history @ features @ features[items.rows].T).toarray() > 0
        self.factor = factor

    def init(self, data: TrainData, seed: int) -> Params:
        return {}

    def adapt(self, params: Params, support: Support) -> Params:
        return {"events": torch.tensor(float(support.weight.nnz))}

    def score(self, params: Params, users: Users, items: Items) -> torch.Tensor:
        moved = float(params.get("events", torch.tensor(0.0)) > 0)
        return torch.from_numpy((self.alike(users, items) + moved).astype(np.float32))

    def probabilities(
        self, params: Params, users: Users, items: Items, scores: torch.Tensor | None = None
    ) -> torch.Tensor:
        return torch.full((len(users), len(items)), 0.25 * self.factor)

    def uncertainty(self, params: Params, users: Users, items: Items) -> torch.Tensor:
        left = float(params.get("events", torch.tensor(0.0)) > 0)
        return torch.full((len(users), len(items)), (2.0 - left) * self.factor)


def judged(dataset: Dataset, factor: float, *protocols: str, cache: Path | None = None) -> Result:
    def fit(name: str, world: World, seed: int) -> Fitted:
        found = Sayer(world, factor=factor if name == "sayer" else 1.0)
        return Fitted(found, {})

    asked = {"methods": ["sayer"], "protocols": protocols, "ks": (0, 1), "seeds": (0,)}
    return run.evaluate(dataset, run.fitted(fit), cache=cache, **asked)


def figures(result: Result, metric: str) -> dict[tuple[str, str, str, int | None], float]:
    rows = [r for r in result.rows if r.metric == metric and r.method == "sayer"]
    return {(r.protocol, r.view, r.path, r.k): r.value for r in rows}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def honest(dataset: Dataset, kept: Path) -> Result:
    return judged(dataset, 1.0, "k-shot", "mixed", cache=kept)


def test_an_evaluation_reports_claims_by_path_and_keeps_them(dataset: Dataset, honest: Result, kept: Path) -> None:
    errors = figures(honest, "ece@20")
    assert {path for _, view, path, _ in errors if view == "new 10 %"} == {"all", "cold", "hot"}
    # The score moved by 1 when told of an event, and by sqrt(4 - 1) at most as it was said: it holds.
    held = figures(honest, "interval90")
    assert held == {("k-shot", "garments", "cold", 0): 1.0, ("k-shot", "garments, whole catalogue", "cold", 0): 1.0}
    assert not [r for r in honest.rows if r.method == "random" and r.metric in ("ece@20", "interval90")]
    again = judged(dataset, 1.0, "k-shot", "mixed", cache=kept)
    assert (figures(again, "ece@20"), figures(again, "interval90")) == (errors, held)


def test_tables_and_report_show_claims(honest: Result) -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    honest.print(console)
    text = console.export_text()
    assert "What methods say of their own scores" in text
    assert re.search(r"sayer +k-shot: garments, k = 0 .* 100%", text)
    assert "ECE@20" in render(honest)


def test_who_is_too_sure_is_found_out(dataset: Dataset) -> None:
    found = judged(dataset, 0.2, "k-shot")
    assert figures(found, "interval90")["k-shot", "garments", "cold", 0] == 0.0


def test_who_exaggerates_is_found_out(dataset: Dataset) -> None:
    exaggerated, modest = (
        figures(judged(dataset, f, "warm"), "ece@20")["warm", "full", "hot", None] for f in (4.0, 0.5)
    )
    assert exaggerated > modest + 0.5


def test_what_is_no_probability_is_refused(dataset: Dataset) -> None:
    with pytest.raises(ModelError) as caught:
        judged(dataset, 4.5, "warm")
    assert caught.value.code == "bad_claim"
