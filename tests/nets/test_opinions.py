"""Opinions on the garments of a domain: each is what it says, counted by hand."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin.nets import domain_factors, opinions, panel
from muslin.nets.domains import within
from muslin.testing.two_domains import TARGET, Planted, planted
from muslin.types import Block, Features, Params, Shoppers, TrainData

FACTORS = domain_factors.Shape(factors=4, iterations=3, regularization=10.0, alpha=10.0, map_penalty=100.0)
SHAPE = opinions.Shape(map_strength=1.0, smoothing=5.0, profile_smoothing=7.0)


@pytest.fixture(scope="module")
def shop() -> Planted:
    """A planted shop whose shoppers have a profile: one of three values."""
    made = planted(shoppers=200)
    n = len(made.data.shoppers)
    matrix = sp.csr_matrix((np.ones(n, np.float32), (np.arange(n), np.arange(n) % 3)), shape=(n, 3))
    shoppers = Shoppers(made.data.shoppers.ids, Features(matrix, (Block("kind", 0, 3),)), n)
    catalogue, events = made.data.catalogue, made.data.events
    return Planted(TrainData(catalogue, shoppers, events), made.strangers, made.items, made.truth)


@pytest.fixture(scope="module")
def known(shop) -> tuple[Params, Params]:
    factors = domain_factors.fit(shop.data, FACTORS, 0)
    view = domain_factors.trained_views(factors)[TARGET]
    return factors, opinions.fit(shop.data, view, factors, SHAPE, FACTORS)


def test_what_sells_is_counted_among_all_and_among_those_of_both_sides(shop, known) -> None:
    pairs = shop.data.matrix()
    own, other = pairs[:, 60:], pairs[:, :60]
    both = np.diff(other.indptr) > 0
    every, common = own.getnnz(axis=0), own[both].getnnz(axis=0)
    mine, overall = opinions.popularity(known[1], shop.items)
    share = (every + 0.5) / every.sum()
    assert overall == pytest.approx(np.log(share), abs=1e-4)
    assert mine == pytest.approx(np.log((common / common.sum() + 0.5 * share) / 1.5), abs=1e-4)


def test_profiles_say_how_much_likelier_shoppers_like_that_take_a_garment(shop, known) -> None:
    own = shop.data.matrix()[:, 60:].toarray() > 0
    lift = known[1]["profile"].numpy()
    chance = (own.sum(axis=0) + 1e-3) / (own.sum() + 60e-3)
    for kind in range(3):
        of = own[np.arange(len(own)) % 3 == kind]
        naive = np.log((of.sum(axis=0) + 7 * chance) / ((of.sum() + 7) * chance))
        assert lift[kind] == pytest.approx(naive, abs=1e-3)


def test_garments_echo_by_themselves(shop, known) -> None:
    pairs = shop.data.matrix().toarray() > 0
    met = (pairs[:, :60] / np.maximum(pairs[:, :60].sum(axis=1, keepdims=True), 1)).T @ pairs[:, 60:]
    chance = (pairs[:, 60:].sum(axis=0) + 1e-3) / pairs[:, 60:].sum()
    starts, columns, values = (known[1][f"itself/{part}"].numpy() for part in ("starts", "columns", "values"))
    found = sp.csr_matrix((values, columns, starts), shape=(60, 60)).toarray()
    assert found == pytest.approx(np.log1p(met / (5 * chance)), abs=1e-4)


def test_as_many_opinions_are_formed_as_weights_are_given(shop, known) -> None:
    factors, found = known
    view = domain_factors.trained_views(factors)[TARGET]
    params = factors | {f"{TARGET}/{name}": value for name, value in found.items()}
    params["profile_block"] = torch.zeros(3, dtype=torch.int64)
    weights = opinions.given(found, shop.items)
    assert len(weights) == 6 + 1
    users = shop.strangers[:5]
    users = type(users)(users.rows, shop.data.shoppers.features.matrix[:5], users.history)
    scores = panel.utilities(params, view, users, shop.items, FACTORS)
    source = domain_factors.other_vectors(factors, view, users.history, FACTORS)
    vectors = source @ found["weight"] + found["bias"]
    mine, every = opinions.popularity(found, shop.items)
    share = sp.csr_matrix(within(users.history, view.other)).toarray()
    share /= share.sum(axis=1, keepdims=True)
    itself = sp.csr_matrix(
        tuple(found[f"itself/{part}"].numpy() for part in ("values", "columns", "starts")), shape=(60, 60)
    )
    by_hand = (
        weights[0] * mine
        + weights[1] * every
        + weights[2] * np.exp((mine - mine.max()) / 2)
        + weights[3] * np.exp((every - every.max()) / 2)
        + weights[4] * (vectors @ factors["item"][60:, :-1].T).numpy()
        + weights[5] * share @ itself.toarray()
        + weights[6] * found["profile"].numpy()[np.arange(5) % 3]
    )
    assert scores == pytest.approx(by_hand, abs=1e-3)
