"""PTUPCDR on planted bridges, its loss written out by hand, and what it leaves out to know when to stop."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from muslin import registry
from muslin.features.space import encode
from muslin.method import Examined
from muslin.nets import domain_factors, personal_bridge
from muslin.recipes import fit
from muslin.testing.two_domains import TARGET, Planted, planted
from muslin.testing.worlds import tiny_shop
from muslin.train.loop import Run, train
from muslin.types import Params


def method(name: str = "ptupcdr", **options):
    return registry.build(name, registry.entry(name).config(factors=8, **options))


def agreement(scores: torch.Tensor, truth: np.ndarray) -> float:
    """Mean correlation of a shopper's scores with the truth."""
    return float(np.mean([np.corrcoef(s, t)[0, 1] for s, t in zip(scores.numpy(), truth, strict=True)]))


@pytest.fixture(scope="module")
def shop() -> Planted:
    return planted(personal=True)


@pytest.fixture(scope="module")
def trained(shop) -> Params:
    """As a recipe does, with the options that are given: a run that finds the epochs, and one on everything."""
    ptupcdr = method()
    left, judge = ptupcdr.held_out(shop.data, 0)
    epochs = train(ptupcdr, left, Run("search", 0), judge).epochs
    return train(ptupcdr, shop.data, Run("final", 0, epochs=epochs)).params


def test_a_personal_bridge_is_found_where_no_line_for_all_can_be(shop, trained) -> None:
    emcdr = method("emcdr", mapping="linear")
    shared = agreement(emcdr.score(emcdr.init(shop.data, 0), shop.strangers, shop.items), shop.truth)
    personal = agreement(method().score(trained, shop.strangers, shop.items), shop.truth)
    assert shared < 0.5
    assert personal > 0.75


def test_a_bridge_for_all_is_not_made_worse() -> None:
    shop = planted()
    ptupcdr = method()
    params = train(ptupcdr, shop.data, Run("shared", 0, epochs=5)).params
    assert agreement(ptupcdr.score(params, shop.strangers, shop.items), shop.truth) > 0.85


def test_the_loss_is_the_squared_error_of_all_garments_written_out_by_hand(shop, trained) -> None:
    ptupcdr = method()
    batch = next(b for b in ptupcdr.batches(shop.data, 0, 0) if b.view.code == TARGET)
    bridge = {n.removeprefix(f"{TARGET}/"): v for n, v in trained.items() if n.startswith(f"{TARGET}/")}
    source = domain_factors.other_vectors(trained, batch.view, batch.history, ptupcdr._shape())
    taken = batch.history.toarray() > 0
    items = trained[f"other/{TARGET}"]
    user = personal_bridge.crossed(bridge, items, batch.history[:, batch.view.other], source).double().numpy()
    scores = user @ trained["item"][batch.view.own, :-1].double().numpy().T
    wanted = taken[:, batch.view.own]
    error = (1 + 10.0 * wanted) * (wanted - scores) ** 2
    _, metrics = ptupcdr.step(trained, batch)
    assert metrics["loss"] == pytest.approx(error.sum() / wanted.sum(), rel=1e-4)


def test_gradients_are_finite_and_of_one_domain_alone(shop, trained) -> None:
    ptupcdr = method()
    for batch in ptupcdr.batches(shop.data, 0, 0):
        grads, _ = ptupcdr.step(trained, batch)
        assert set(grads) == {f"{batch.view.code}/{name}" for name in personal_bridge.TRAINED}
        assert all(torch.isfinite(g).all() for g in grads.values())
        assert all(g.any() for g in grads.values())


def test_an_epoch_shows_every_shared_shopper_once_for_each_domain(shop) -> None:
    rows = {code: [] for code in range(2)}
    for batch in method().batches(shop.data, 0, 0):
        rows[batch.view.code] += [tuple(row.indices) for row in batch.history]
    expected = sorted(tuple(row.indices) for row in shop.data.matrix())
    assert [sorted(found) for found in rows.values()] == [expected, expected]


def test_before_training_it_is_the_shared_bridge(shop) -> None:
    ptupcdr, emcdr = method(), method("emcdr", mapping="linear")
    found = ptupcdr.score(ptupcdr.init(shop.data, 0), shop.strangers, shop.items)
    expected = emcdr.score(emcdr.init(shop.data, 0), shop.strangers, shop.items)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_known_shoppers_start_at_the_bridge(shop, trained) -> None:
    """A shopper with one event of the target lies between what the bridge says and what the event says."""
    ptupcdr = method()
    history = shop.strangers.history.tolil()
    history[:, int(shop.items.rows[0])] = 1
    told = replace(shop.strangers, history=history.tocsr())
    before = agreement(ptupcdr.score(trained, shop.strangers, shop.items), shop.truth)
    after = agreement(ptupcdr.score(trained, told, shop.items), shop.truth)
    emcdr = method("emcdr")
    alone = agreement(emcdr.score(emcdr.init(shop.data, 0), told, shop.items), shop.truth)
    assert alone < after < before + 0.05


def test_left_out_shoppers_lose_their_target_and_the_true_bridge_is_judged_better(shop, trained) -> None:
    ptupcdr = method()
    assert isinstance(ptupcdr, Examined)
    left, judge = ptupcdr.held_out(shop.data, 0)
    lost = np.asarray((shop.data.matrix() - left.matrix()).sum(axis=0)).ravel()
    shoppers = len(shop.data.shoppers)
    assert lost[:60].sum() == pytest.approx(15 * 0.2 * shoppers)
    assert lost[60:].sum() == pytest.approx(10 * 0.2 * shoppers)
    assert judge(trained) > judge(ptupcdr.init(left, 0)) + 0.01


def test_without_shared_shoppers_there_is_nothing_to_leave_out_or_to_train(shop) -> None:
    catalogue = replace(shop.data.catalogue, domain=np.zeros(120, np.int64), domains=("all",))
    data, ptupcdr = replace(shop.data, catalogue=catalogue), method()
    assert ptupcdr.held_out(data, 0) is None
    assert list(ptupcdr.batches(data, 0, 0)) == []
    params = train(ptupcdr, data, Run("one domain", 0)).params
    assert torch.isfinite(ptupcdr.score(params, shop.strangers, shop.items)).all()


def test_a_recipe_stops_it_by_what_it_left_out_itself(monkeypatch) -> None:
    world, lengths = encode(tiny_shop()), []
    real = fit.train
    monkeypatch.setattr(fit, "cold_ndcg", lambda *_: pytest.fail("judged by garments left out"))
    monkeypatch.setattr(
        fit, "train", lambda m, d, run, v=None: lengths.append((len(d.events), run.epochs, v)) or real(m, d, run, v)
    )
    fit.fit_world(fit.Recipe(method="ptupcdr", options={"epochs": 2}), world, 0)
    (left, _, judge), (whole, epochs, nothing) = lengths
    assert left < whole == len(world.data.events)
    assert judge is not None
    assert nothing is None
    assert epochs in (0, 1, 2)
