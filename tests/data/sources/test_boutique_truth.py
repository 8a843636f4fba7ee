"""What the planted world knows of itself: the stated truth is the one sampled from, and the dials do what they say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, Truth, catalogue, choice, load_truth, make, words
from muslin.errors import DataError

BASE = BoutiqueConfig(n_items=400, n_users=600, n_events=30_000, apparel_share=0.4, pictures=False)
Matrix = NDArray[np.float64]


def planted(root: Path, config: BoutiqueConfig, seed: int = 1) -> tuple[Dataset, Truth]:
    dataset, truth = make(root, config, seed=seed), load_truth(root)
    assert truth is not None
    return dataset, truth


def counts(dataset: Dataset, truth: Truth) -> Matrix:
    """Events of each shopper on each item [M, N]."""
    user = {name: row for row, name in enumerate(truth.user_ids)}
    item = {name: row for row, name in enumerate(truth.item_ids)}
    table = np.zeros((len(user), len(item)))
    rows = [user[name] for name in dataset.events["user_id"]], [item[name] for name in dataset.events["item_id"]]
    np.add.at(table, rows, 1)
    return table


def ndcg(scores: Matrix, relevant: Matrix, k: int = 20) -> float:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    gain = np.take_along_axis(relevant, order, axis=1) / np.log2(np.arange(2, k + 2))
    best = np.cumsum(1 / np.log2(np.arange(2, k + 2)))
    asked = relevant.sum(axis=1)
    has = asked > 0
    return float((gain.sum(axis=1)[has] / best[np.minimum(asked[has], k).astype(int) - 1]).mean())


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([3, 127]))
def test_choice_cells_are_exact_whole_numbers(seed: int, n_items: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    taste = rng.integers(-size, size + 1, (5, choice.LATENT)).astype(np.int8)
    vectors = rng.integers(-size, size + 1, (n_items, choice.LATENT)).astype(np.int8)
    base = rng.integers(-20_000, 20_000, n_items).astype(np.int32)
    reach = 14 * 1024
    exact = taste.astype(int) @ vectors.astype(int).T + base.clip(-reach, reach) + reach
    assert np.array_equal(choice.cells(taste, choice.operand(vectors, base)), exact.clip(0, 2 * reach))


def test_a_block_of_weights_cannot_overflow() -> None:
    most_items = 1_000_000  # per row at most, see BoutiqueConfig
    assert int(choice.WEIGHTS.max()) * max(choice.BLOCK, most_items) < 2**63
    assert choice.WEIGHTS.min() == 1
    assert (np.diff(choice.WEIGHTS) >= 0).all()


def test_scores_are_the_softmax_of_the_latent_world(tmp_path: Path) -> None:
    _, truth = planted(tmp_path / "w", BASE)
    scores = truth.scores(truth.user_ids, truth.item_ids).astype(float)
    logits = np.einsum("mdk,nk->mdn", truth.taste / 32, truth.vectors / 32) + truth.base / 1024
    for domain in (0, 1):
        own = logits[:, domain, truth.domain == domain]
        expected = own - np.log(np.exp(own).sum(axis=1, keepdims=True)) + np.log(truth.shares[:, [domain]])
        likely = expected > -14
        assert np.allclose(scores[:, truth.domain == domain][likely], expected[likely], atol=0.02)
    assert np.allclose(np.exp(scores).sum(axis=1), 1, atol=1e-4)


def test_scores_do_not_depend_on_what_else_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, truth = planted(tmp_path / "w", BASE)
    whole = truth.scores(truth.user_ids, truth.item_ids)
    users, items = np.array([5, 3, 599]), np.array([399, 0, 7, 7])
    monkeypatch.setattr(choice, "BLOCK", 1)
    part = truth.scores([truth.user_ids[u] for u in users], [truth.item_ids[i] for i in items])
    assert np.array_equal(part, whole[np.ix_(users, items)])
    assert part.dtype == np.float32
    assert truth.scores([], truth.item_ids).shape == (0, 400)
    assert truth.scores(truth.user_ids[:2], []).shape == (2, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_truth_is_the_distribution_sampled_from(tmp_path: Path, seed: int) -> None:
    config = replace(BASE, n_items=50, n_users=8, n_events=400_000)
    dataset, truth = planted(tmp_path / "w", config, seed)
    seen = counts(dataset, truth)
    expected = np.exp(truth.scores(truth.user_ids, truth.item_ids).astype(float)) * seen.sum(axis=1, keepdims=True)
    enough = expected >= 5
    statistic = ((seen - expected) ** 2 / expected)[enough].sum()
    freedom = enough.sum() - len(seen)
    assert abs(statistic - freedom) < 5 * np.sqrt(2 * freedom)
    # The test has teeth: leave out exposure and popularity and it fails by orders of magnitude.
    wrong = truth.scores(truth.user_ids, truth.item_ids) - truth.base / 1024
    wrong = np.exp(wrong) / np.exp(wrong).sum(axis=1, keepdims=True) * seen.sum(axis=1, keepdims=True)
    assert ((seen - wrong) ** 2 / wrong)[enough].sum() > 100 * freedom


def test_events_of_a_shopper_are_independent_draws(tmp_path: Path) -> None:
    config = replace(BASE, n_items=50, n_users=2, n_events=40_000)
    dataset, truth = planted(tmp_path / "w", config)
    halves = [counts(dataset.with_events(dataset.events[parity::2]), truth) for parity in (0, 1)]
    share = [half / half.sum(axis=1, keepdims=True) for half in halves]
    assert np.abs(share[0] - share[1]).sum(axis=1).max() / 2 < 0.05


@pytest.mark.parametrize("dial", [0.0, 0.5, 1.0])
def test_tastes_agree_across_domains_as_the_dial_says(tmp_path: Path, dial: float) -> None:
    _, truth = planted(tmp_path / "w", replace(BASE, shared_taste=dial, n_events=100))
    taste = truth.taste.astype(float)
    agreement = float(np.corrcoef(taste[:, 0].ravel(), taste[:, 1].ravel())[0, 1])
    assert agreement == pytest.approx(dial, abs=0.03)
    assert taste.std(axis=(0, 2)) == pytest.approx([32, 32], rel=0.05)


def test_behaviour_agrees_across_domains_as_the_dial_rises(tmp_path: Path) -> None:
    """Mean item vector of a shopper's events, one domain against the other, over shoppers."""

    def agreement(dial: float) -> float:
        dataset, truth = planted(tmp_path / f"{dial}", replace(BASE, shared_taste=dial))
        seen = counts(dataset, truth)
        sides = []
        for domain in (0, 1):
            own = seen * (truth.domain == domain)
            mean = own @ truth.vectors / np.maximum(own.sum(axis=1, keepdims=True), 1)
            mean[own.sum(axis=1) < 5] = np.nan
            sides.append(mean - np.nanmean(mean, axis=0))
        both = ~np.isnan(sides[0] + sides[1])
        return float(np.corrcoef(sides[0][both], sides[1][both])[0, 1])

    none, half, full = (agreement(dial) for dial in (0.0, 0.5, 1.0))
    assert abs(none) < 0.08
    assert none + 0.15 < half
    assert half + 0.15 < full


def test_the_oracle_beats_popularity_and_chance(tmp_path: Path) -> None:
    dataset, truth = planted(tmp_path / "w", BASE)
    late = np.random.default_rng(0).random(dataset.events.height) < 0.2
    seen = counts(dataset.with_events(dataset.events.filter(~late)), truth)
    asked = (counts(dataset.with_events(dataset.events.filter(late)), truth) > 0).astype(float)
    oracle = ndcg(truth.scores(truth.user_ids, truth.item_ids).astype(float), asked)
    popularity = ndcg(np.tile(seen.sum(axis=0), (len(seen), 1)), asked)
    chance = ndcg(np.random.default_rng(1).random(seen.shape), asked)
    assert oracle > 1.5 * popularity
    assert popularity > 1.5 * chance


def test_profiles_tell_of_taste_as_much_as_asked(tmp_path: Path) -> None:
    def told(signal: float) -> float:
        """Share of the variance of taste that the segment explains, above what chance would."""
        dataset, truth = planted(tmp_path / f"{signal}", replace(BASE, profile_signal=signal, n_users=4000))
        taste = truth.taste.astype(float).sum(axis=1)
        groups = dataset.users["segment"].to_numpy()
        means = np.stack([taste[groups == s].mean(axis=0) for s in words.SEGMENTS])
        return float((means**2).mean() / taste.var())

    assert told(0.0) < 0.01
    assert told(0.9) > told(0.5) > 0.02


@pytest.mark.parametrize("residual", [0.0, 0.3, 1.0])
def test_the_residual_is_what_nothing_tells(tmp_path: Path, residual: float) -> None:
    """Regress item vectors on every attribute, the style and the motif: what is left has the share asked for."""
    config = replace(BASE, residual=residual, n_items=2500, n_events=10)
    _, truth = planted(tmp_path / "w", config)
    garments = catalogue.garments(config, 1)
    first = np.unique(garments.design, return_index=True)[1]  # one variant of each design: their residuals are alike
    d, vectors = garments.designs, truth.vectors[first].astype(float)
    codes = (garments.colour[first], d.kind, d.style, d.pattern, d.silhouette, d.material, d.season, d.brand, d.motif)
    told = np.hstack([np.eye(c.max() + 1)[c] for c in codes] + [d.dearness[:, None]])
    fitted = told @ np.linalg.lstsq(told, vectors, rcond=None)[0]
    freedom = len(vectors) - np.linalg.matrix_rank(told)
    left = ((vectors - fitted) ** 2).sum() / freedom / vectors.var(axis=0).sum()
    assert left == pytest.approx(residual, abs=0.05)


def test_a_world_without_truth_and_a_damaged_truth(tmp_path: Path) -> None:
    assert load_truth(tmp_path) is None
    planted(tmp_path / "w", replace(BASE, n_events=10))
    path = tmp_path / "w" / "truth.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError) as caught:
        load_truth(tmp_path / "w")
    assert caught.value.code == "bad_truth"
    assert caught.value.where == str(path)


def test_unknown_ids_are_named(tmp_path: Path) -> None:
    _, truth = planted(tmp_path / "w", replace(BASE, n_events=10))
    with pytest.raises(DataError, match="stranger") as caught:
        truth.scores(["U0000001", "stranger"], truth.item_ids)
    assert (caught.value.code, caught.value.where) == ("unknown_id", "user_id")
    with pytest.raises(DataError, match="nothing"):
        truth.scores(["U0000001"], ["nothing"])


def test_ids_survive_with_their_zeros(tmp_path: Path) -> None:
    dataset, truth = planted(tmp_path / "w", BASE)
    assert list(truth.item_ids) == dataset.items["item_id"].to_list()
    assert list(truth.user_ids) == dataset.users["user_id"].to_list()
    assert dataset.items.filter(pl.col("item_id").str.starts_with("0")).height > 0
