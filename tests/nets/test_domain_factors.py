"""Factors of each domain by itself, against single solves, and what new garments get."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin.data.splits import item_cold
from muslin.features.space import World, encode
from muslin.nets import domain_factors
from muslin.nets.domain_factors import Shape
from muslin.testing.worlds import tiny_shop
from muslin.types import Events, Items, Params

SHAPE = Shape(factors=6, iterations=5, regularization=2.0, alpha=10.0, map_penalty=1.0)


@pytest.fixture(scope="module")
def world() -> World:
    return encode(item_cold(tiny_shop(), 0, share=0.2).train)


@pytest.fixture(scope="module")
def params(world) -> Params:
    return domain_factors.fit(world.data, SHAPE, 0)


def test_what_is_taken_elsewhere_does_not_move_the_factors_of_a_domain(world, params) -> None:
    events, domain = world.data.events, world.data.catalogue.domain
    keep = (domain[events.item] == 0) | (np.arange(len(events)) % 2 == 0)
    fewer = Events(events.user[keep], events.item[keep], events.weight[keep], events.time[keep])
    found = domain_factors.fit(replace(world.data, events=fewer), SHAPE, 0)
    own = torch.from_numpy(domain == 0)
    assert torch.equal(found["item"][own], params["item"][own])
    assert not torch.allclose(found["item"][~own], params["item"][~own])


def test_of_two_domains_each_is_what_the_other_calls_elsewhere(params) -> None:
    for view in domain_factors.trained_views(params):
        torch.testing.assert_close(params[f"other/{view.code}"], params["item"][torch.from_numpy(view.other), :-1])
        torch.testing.assert_close(params["other_gram"][view.code], params["gram"][1 - view.code])


def test_shoppers_are_folded_in_as_the_equation_says(world, params) -> None:
    history = world.users(world.shoppers.ids[:20].tolist()).history
    prior = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    taken = history.toarray() > 0
    for view in domain_factors.trained_views(params):
        sides = (
            (view.own, params["item"][:, :-1][torch.from_numpy(view.own)], prior),
            (view.other, params[f"other/{view.code}"], torch.zeros(20, 6)),
        )
        found = (
            domain_factors.own_vectors(params, view, history, SHAPE, prior),
            domain_factors.other_vectors(params, view, history, SHAPE),
        )
        for (rows, table, start), vectors in zip(sides, found, strict=True):
            y = table.double().numpy()
            for user in range(20):
                own, mean = taken[user, rows], start[user].double().numpy()
                left = y.T @ np.diag(1 + 10.0 * own) @ y + 2 * np.eye(6)
                expected = np.linalg.solve(left, 11 * own @ y + 2 * mean) if own.any() else mean
                np.testing.assert_allclose(vectors[user], expected, rtol=1e-3, atol=1e-4)


def test_popularity_is_the_root_of_the_share_of_the_best_seller(world, params) -> None:
    buyers = np.asarray((world.data.matrix() > 0).sum(axis=0)).ravel()
    for view in domain_factors.trained_views(params):
        expected = np.sqrt(buyers[view.own] / buyers[view.own].max())
        np.testing.assert_allclose(params["item"][view.own, -1], expected, rtol=1e-6)
        assert params["usual"][view.code, -1] > 0
        assert not params["usual"][view.code, :-1].any()


def test_trained_garments_are_their_own_factors_and_new_ones_a_ridge_of_content(world, params) -> None:
    found, domain = domain_factors.candidates(params, world.items())
    n = world.catalogue.n_hot
    assert torch.equal(found[:n], params["item"])
    np.testing.assert_array_equal(domain, world.catalogue.domain)
    content = world.catalogue.features.matrix.toarray() * params["idf"].numpy()
    unit = content / np.maximum(np.linalg.norm(content, axis=1, keepdims=True), 1e-12)
    seen = unit @ params["directions"].numpy()
    weight = np.asarray((world.data.matrix() > 0).sum(axis=0)).ravel()
    for code in range(2):
        own = np.flatnonzero(world.catalogue.domain[:n] == code)
        left = seen[own].T @ np.diag(weight[own]) @ seen[own] + np.eye(seen.shape[1])
        solved = np.linalg.solve(left, seen[own].T @ np.diag(weight[own]) @ params["item"].numpy()[own])
        new = np.arange(n, len(world.catalogue))[world.catalogue.domain[n:] == code]
        np.testing.assert_allclose(found[new], seen[new] @ solved, rtol=1e-2, atol=1e-3)


def test_a_garment_of_a_domain_nobody_saw_counts_to_the_largest(world, params) -> None:
    domain = world.catalogue.domain.copy()
    domain[-1] = -1
    found, codes = domain_factors.candidates(
        params, Items(replace(world.catalogue, domain=domain), np.array([len(domain) - 1]))
    )
    largest = np.bincount(world.data.catalogue.domain[world.data.matrix().indices]).argmax()
    assert codes.tolist() == [largest]
    assert torch.isfinite(found).all()


def test_one_domain_has_nothing_elsewhere(world) -> None:
    catalogue = replace(world.data.catalogue, domain=np.zeros(len(world.data.catalogue), np.int64), domains=("all",))
    params = domain_factors.fit(replace(world.data, catalogue=catalogue), SHAPE, 0)
    (view,) = domain_factors.trained_views(params)
    assert len(params["other/0"]) == len(view.other) == 0
    vectors = domain_factors.other_vectors(params, view, sp.csr_matrix(world.data.matrix()), SHAPE)
    assert not vectors.any()
