"""Muslin's bridge on a planted one: it ranks, it knows what it does not know, and it judges itself by what it hid."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin import registry
from muslin.method import Uncertain
from muslin.nets import panel
from muslin.nets.domains import within
from muslin.testing.two_domains import SOURCE, TARGET, Planted, planted
from muslin.types import Block, Events, Features, Items, Params, Users


@pytest.fixture(scope="module")
def shop() -> Planted:
    """The planted bridge, and for every garment the octant its taste lies in as a column."""
    return planted()


@pytest.fixture(scope="module")
def bridge():
    return registry.build("source_posterior", registry.entry("source_posterior").config(factors=8))


@pytest.fixture(scope="module")
def fitted(shop, bridge) -> Params:
    return bridge.init(shop.data, 0)


def agreement(scores: torch.Tensor, truth: np.ndarray) -> float:
    """Mean correlation of a shopper's scores with the truth."""
    return float(np.mean([np.corrcoef(s, t)[0, 1] for s, t in zip(scores.numpy(), truth, strict=True)]))


def mixed(shop: Planted) -> Planted:
    """The same events, but what a shopper took in the source is somebody else's."""
    events = shop.data.events
    source = shop.data.catalogue.domain[events.item] == SOURCE
    other = np.random.default_rng(0).permutation(len(shop.data.shoppers))
    dealt = Events(np.where(source, other[events.user], events.user), events.item, events.weight, events.time)
    return replace(shop, data=replace(shop.data, events=dealt))


def test_strangers_to_a_domain_are_ranked_by_the_planted_bridge(shop, bridge, fitted) -> None:
    found = bridge.score(fitted, shop.strangers, shop.items)
    assert agreement(found, shop.truth) > 0.85
    popular = registry.build("popularity")
    assert agreement(popular.score(popular.init(shop.data, 0), shop.strangers, shop.items), shop.truth) < 0.3


def test_a_source_of_other_shoppers_teaches_nothing(shop, bridge) -> None:
    wrong = mixed(shop)
    found = bridge.score(bridge.init(wrong.data, 0), shop.strangers, shop.items)
    assert abs(agreement(found, shop.truth)) < 0.15


def test_weights_are_learned_from_what_was_hidden(shop, bridge, monkeypatch) -> None:
    """The parameters that weights are learned with know nothing of what the shoppers asked took in the domain."""
    seen = []
    real = panel.weighed

    def noted(params, told, terms, seed):
        seen.append((told, within(told.users.history, told.view.own).nnz, told.taken.nnz, params))
        return real(params, told, terms, seed)

    monkeypatch.setattr(panel, "weighed", noted)
    bridge.init(shop.data, 0)
    assert [told.view.code for told, *_ in seen] == [SOURCE, TARGET]
    for told, known, taken, params in seen:
        assert known == 0
        assert taken > len(told.users)
        sold = params[f"{told.view.code}/sold/all/count"].numpy()[told.view.own].sum()
        assert sold == shop.data.matrix()[:, told.view.own].nnz - taken


def test_what_a_shopper_took_in_the_domain_moves_them_on(shop, bridge, fitted) -> None:
    """Ten garments that somebody of quite another taste would take."""
    one = shop.strangers[:1]
    before = bridge.score(fitted, one, shop.items)
    least = shop.items.rows[np.argsort(shop.truth[0])[:10]]
    history = one.history.tolil()
    history[0, least] = 1
    after = bridge.score(fitted, Users(one.rows, one.features, sp.csr_matrix(history)), shop.items)
    assert agreement(after, shop.truth[:1]) < agreement(before, shop.truth[:1]) - 0.2


def test_without_anything_taken_the_order_is_that_of_what_sells(shop, bridge, fitted) -> None:
    nobody = Users(np.array([-1]), sp.csr_matrix((1, 0)), sp.csr_matrix((1, len(shop.data.catalogue))))
    found = bridge.score(fitted, nobody, shop.items).numpy()[0]
    sold = np.asarray(shop.data.matrix()[:, shop.items.rows].getnnz(axis=0))
    order = np.argsort(-sold, kind="stable")
    assert np.corrcoef(found, np.log(sold + 0.5))[0, 1] > 0.95
    assert found[order[:5]].mean() > found[order[-5:]].mean()


def test_too_few_shared_shoppers_leave_the_weights_as_they_are_given(bridge) -> None:
    params = bridge.init(planted(shoppers=30).data, 0)
    assert f"{TARGET}/counts" not in params
    small = planted(shoppers=30)
    assert torch.isfinite(bridge.score(params, small.strangers, small.items)).all()


@pytest.fixture(scope="module")
def described(shop) -> Planted:
    """The planted shop in which a column says in which of eight octants a garment's taste lies, told by its buyers."""
    pairs = sp.csr_matrix(shop.data.matrix())
    left, _, _ = np.linalg.svd(pairs.toarray(), full_matrices=False)
    taste = np.asarray(pairs.T @ left[:, 1:4])
    octant = (taste > np.median(taste, axis=0)) @ np.array([1, 2, 4])
    matrix = sp.csr_matrix((np.ones(len(octant), np.float32), (np.arange(len(octant)), octant)), shape=(len(octant), 8))
    features = Features(matrix, (Block("octant", 0, 8),))
    catalogue = replace(shop.data.catalogue, features=features)
    return replace(shop, data=replace(shop.data, catalogue=catalogue), items=Items(catalogue, shop.items.rows))


def test_doubt_is_less_of_who_took_more(described, bridge) -> None:
    assert isinstance(bridge, Uncertain)
    params, full = bridge.init(described.data, 0), described.strangers
    first = full.history.tolil()
    for row in range(first.shape[0]):
        first[row, full.history[row].indices[1:]] = 0
    few = Users(full.rows, full.features, sp.csr_matrix(first))
    spread = bridge.uncertainty(params, full, described.items)
    wide = bridge.uncertainty(params, few, described.items)
    assert (spread >= 0).all()
    assert wide.mean() > 1.5 * spread.mean()
    assert agreement(bridge.score(params, full, described.items), described.truth) > 0.85


def test_columns_that_nobody_fills_change_nothing(described) -> None:
    """The last column of the garments and of the profiles has no value at all."""
    small = registry.build("source_posterior", registry.entry("source_posterior").config(factors=2, iterations=2))
    data, catalogue = described.data, described.data.catalogue
    garments = replace(catalogue.features, blocks=(*catalogue.features.blocks, Block("empty", 8, 8)))
    profiles = replace(data.shoppers.features, blocks=(Block("empty", 0, 0),))
    wider = replace(catalogue, features=garments)
    told = replace(data, catalogue=wider, shoppers=replace(data.shoppers, features=profiles))
    some = described.strangers[:20]
    for said in (small.score, small.uncertainty):
        usual = said(small.init(data, 0), some, described.items)
        found = said(small.init(told, 0), some, Items(wider, described.items.rows))
        torch.testing.assert_close(found, usual, rtol=1e-3, atol=1e-3)
