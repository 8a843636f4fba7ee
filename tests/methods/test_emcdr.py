"""EMCDR on a planted bridge, and where there is none."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin import registry
from muslin.features.space import encode
from muslin.nets import bridges, domain_factors
from muslin.testing.two_domains import SOURCE, TARGET, Planted, planted
from muslin.testing.worlds import tiny_shop
from muslin.types import Events, Items, Users


@pytest.fixture(scope="module")
def shop() -> Planted:
    return planted()


def method(**options):
    return registry.build("emcdr", registry.entry("emcdr").config(factors=8, **options))


def agreement(scores: torch.Tensor, truth: np.ndarray) -> float:
    """Mean correlation of a shopper's scores with the truth."""
    return float(np.mean([np.corrcoef(s, t)[0, 1] for s, t in zip(scores.numpy(), truth, strict=True)]))


@pytest.mark.parametrize("mapping", ["linear", "mlp"])
def test_strangers_to_a_domain_are_ranked_by_the_planted_bridge(shop, mapping) -> None:
    emcdr = method(mapping=mapping)
    params = emcdr.init(shop.data, 0)
    assert agreement(emcdr.score(params, shop.strangers, shop.items), shop.truth) > 0.85


def test_a_source_of_other_shoppers_teaches_nothing(shop) -> None:
    """The same events, but what a shopper took in the source is somebody else's."""
    events = shop.data.events
    source = shop.data.catalogue.domain[events.item] == SOURCE
    other = np.random.default_rng(0).permutation(len(shop.data.shoppers))
    mixed = Events(np.where(source, other[events.user], events.user), events.item, events.weight, events.time)
    emcdr = method()
    params = emcdr.init(replace(shop.data, events=mixed), 0)
    assert abs(agreement(emcdr.score(params, shop.strangers, shop.items), shop.truth)) < 0.15


def test_scores_are_those_written_out_by_hand(shop) -> None:
    emcdr = method(mapping="linear")
    params = emcdr.init(shop.data, 0)
    view = domain_factors.trained_views(params)[TARGET]
    shape = domain_factors.Shape.of(emcdr.config)
    table = params["item"][torch.from_numpy(view.own)]
    source = domain_factors.other_vectors(params, view, shop.strangers.history, shape)
    share = params[f"{TARGET}/share"] * params["usual"][TARGET, -1]
    expected = (source @ params[f"{TARGET}/weight"] + params[f"{TARGET}/bias"]) @ table[:, :-1].T
    found = emcdr.score(params, shop.strangers, shop.items)
    torch.testing.assert_close(found, expected + share * table[:, -1], rtol=1e-4, atol=1e-5)
    known = Users(np.arange(5), sp.csr_matrix((5, 0)), shop.data.matrix()[:5])
    own = domain_factors.own_vectors(params, view, known.history, shape)
    torch.testing.assert_close(emcdr.score(params, known, shop.items), own @ table[:, :-1].T, rtol=1e-4, atol=1e-5)


def test_the_map_is_learned_on_shoppers_of_both_sides_alone(shop) -> None:
    emcdr, shape = method(mapping="linear"), domain_factors.Shape.of(method().config)
    params = emcdr.init(shop.data, 0)
    view = domain_factors.trained_views(params)[TARGET]
    both = domain_factors.both_sides(params, view, shop.data.matrix(), shape)
    assert len(both.source) == len(shop.data.shoppers)
    for name, value in bridges.chosen(("linear",), both, 0).items():
        assert torch.equal(value, params[f"{TARGET}/{name}"])


@pytest.mark.parametrize("case", ["one domain", "nobody in both", "nothing taken"])
def test_without_a_bridge_a_domain_is_ranked_by_popularity(shop, case) -> None:
    data, catalogue, history = shop.data, shop.data.catalogue, shop.strangers.history
    if case == "one domain":
        catalogue = replace(catalogue, domain=np.zeros(len(catalogue), np.int64), domains=("all",))
        history = sp.csr_matrix(history.shape, dtype=np.float32)
    if case == "nobody in both":
        events = data.events
        keep = (events.user % 2 == 0) == (catalogue.domain[events.item] == SOURCE)
        data = replace(data, events=Events(*(part[keep] for part in vars(events).values())))
    if case == "nothing taken":
        history = sp.csr_matrix(history.shape, dtype=np.float32)
    emcdr = method()
    params = emcdr.init(replace(data, catalogue=catalogue), 0)
    found = emcdr.score(params, replace(shop.strangers, history=history), Items(catalogue, shop.items.rows)).numpy()
    buyers = np.asarray(data.matrix().getnnz(axis=0))[shop.items.rows]
    np.testing.assert_allclose(found, found[:1].repeat(len(found), axis=0))
    assert (np.diff(found[0][np.argsort(buyers, kind="stable")]) >= -1e-6).all()
    assert np.ptp(found[0]) > 0


def test_three_domains_have_a_bridge_each() -> None:
    shop = tiny_shop()
    items = shop.items.with_columns(domain=shop.items["kind"].replace({"dress": "a", "skirt": "a", "coat": "b"}))
    world = encode(replace(shop, items=items))
    emcdr = method(mapping="linear")
    params = emcdr.init(world.data, 0)
    assert len(world.catalogue.domains) == 4
    assert {name for name in params if name.endswith("/share")} == {f"{g}/share" for g in range(4)}
    scores = emcdr.score(params, world.users(world.shoppers.ids[:9].tolist()), world.items())
    assert torch.isfinite(scores).all()
