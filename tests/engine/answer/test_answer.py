"""What a shop answers while its catalogue and its shoppers change."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from scipy.special import logsumexp

from muslin.engine.answer.answer import Answered, answer, explain
from muslin.engine.answer.ask import NOBODY, Ask, Event
from muslin.engine.answer.ask import asked as known_as
from muslin.engine.answer.choice import fit_choice, popular
from muslin.engine.answer.last_resort import most_popular
from muslin.engine.assortment.change import Stock
from muslin.engine.explore.explorer import Explorer
from muslin.engine.explore.ledger import Answer, Ledger, Shown
from muslin.engine.explore.plan import Plan
from muslin.engine.filters import Filters
from muslin.engine.model import Model
from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online
from muslin.engine.shop import Shop
from muslin.random import stream
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop
from muslin.types import Events, Support, preference_matrix

NOW = 1_700_000_000_000_000


@pytest.fixture(scope="module")
def model() -> Model:
    return fit(tiny_shop(items=120, users=200, events=1500), "content_knn")


@pytest.fixture(scope="module")
def warm_model() -> Model:
    return fit(tiny_shop(items=120, users=200, events=500), "prior_knn", {"choose": False})


def asked(shop: Shop, seed: int = 0, **ask: Any) -> Answered:
    return answer(shop.engine(), Ask(**ask), stream(seed), NOW)


def ids(shop: Shop, found: Answered) -> list[str]:
    return shop.state.model.world.catalogue.ids[found.row].tolist()


def dress(item_id: str, **columns: Any) -> dict[str, Any]:
    row = {"item_id": item_id, "department": "womenswear", "kind": "dress", "colour": "red", "title": "red dress"}
    return {**row, "price": 20.0, **columns}


def test_the_order_is_that_of_the_model_one_of_each_family(model) -> None:
    shop, user = Shop(model), model.world.shoppers.ids[0]
    found = asked(shop, shopper=user, n=30)
    plain = model.recommend(user, 200)
    family = dict(model.world.dataset.items.select("item_id", "family").iter_rows())
    expected, met = [], set()
    for item in plain["item_id"]:
        if family[item] not in met:
            met.add(family[item])
            expected.append(item)
    assert ids(shop, found) == expected
    scores = dict(plain.select("item_id", "score").iter_rows())
    assert found.score.tolist() == pytest.approx([scores[i] for i in expected])
    assert not found.explored.any()


def test_a_garment_posted_now_is_in_the_next_answer_and_one_that_left_is_not(model) -> None:
    shop = Shop(model)
    before = asked(shop, n=20, filters=Filters(values={"kind": ["dress"]}))
    shop.put([dress("fresh")], NOW)
    after = asked(shop, n=50, filters=Filters(values={"kind": ["dress"]}))
    assert "fresh" in ids(shop, after)
    assert "fresh" not in model.world.catalogue.ids[before.row].tolist()
    shop.hide("fresh", NOW + 1)
    assert "fresh" not in ids(shop, asked(shop, n=50))


def test_events_count_at_once_and_what_was_taken_is_not_shown_again(model) -> None:
    shop = Shop(model)
    reds = model.world.dataset.items.filter((pl.col("colour") == "red") & (pl.col("kind") == "dress"))
    liked = reds["item_id"][0]
    stranger = asked(shop)
    assert stranger.fallback
    assert set(stranger.path) == {"fallback"}
    warm = asked(shop, events=[Event(liked, 2.0, NOW)])
    assert not warm.fallback
    assert liked not in ids(shop, warm)
    assert {"warming", "cold"} >= set(warm.path)
    top = model.world.dataset.items.filter(pl.col("item_id").is_in(ids(shop, warm)[:5]))
    assert (top["colour"] == "red").sum() >= 3


def test_a_new_shopper_s_profile_is_read(model) -> None:
    world, method = model.world, model.fitted.method
    twin = world.dataset.users.filter(pl.col("favourite").is_not_null()).row(0, named=True)
    profile = {name: value for name, value in twin.items() if name != "user_id"} | {"unheard of": 1}
    found = known_as(world, method, Ask(shopper="newcomer", profile=profile))
    expected = world.users([twin["user_id"]]).features
    assert (found.features != expected).nnz == 0
    assert found.rows.tolist() == [-1]
    bad = known_as(world, method, Ask(shopper="newcomer", profile={"favourite": ["red"], "age": "thirty"}))
    assert bad.features.nnz == 0
    mine = known_as(world, method, Ask(shopper=twin["user_id"], profile={"favourite": "mauve"}))
    assert (mine.features != expected).nnz == 0


def test_probabilities_add_up_and_rise_with_the_score(model) -> None:
    shop, user = Shop(model), model.world.shoppers.ids[3]
    engine = shop.engine()
    found = asked(shop, shopper=user, n=20)
    assert (np.diff(found.probability) <= 1e-9).all()
    everything = model.world.items()
    score = model.score(model.world.users([user]), everything).numpy()[0]
    held = model.world.users([user]).history.toarray()[0] > 0
    logit = engine.choice.scale * score.astype(np.float64)
    logit[held] = -np.inf
    expected = np.exp(logit - logsumexp(logit))
    assert found.probability == pytest.approx(expected[found.row], rel=1e-4)
    assert expected.sum() == pytest.approx(1)
    assert popular(np.array([3.0, 0, 1], np.float32), np.array([0, 1, 2])) == pytest.approx([4 / 7, 1 / 7, 2 / 7])


def test_the_fitted_scale_is_the_likeliest_and_calibrated(model) -> None:
    """On other shoppers than it was fitted on, garments given probability p are taken with frequency p, by group."""
    choice = fit_choice(model.fitted, model.world, seed=1)
    assert choice.events > 100
    data, rng = model.world.data.matrix(), stream(9, "other")
    told, taken = [], []
    for row in rng.permutation(np.flatnonzero(np.diff(data.indptr) > 1))[:120]:
        own = data.indices[data.indptr[row] : data.indptr[row + 1]]
        hidden = int(rng.choice(own))
        support = pl.DataFrame({"item_id": model.world.catalogue.ids[own[own != hidden]].tolist()})
        support = support.with_columns(user_id=pl.lit("x"), weight=pl.lit(5.0))
        users = model.world.users(["x"], support)
        score = model.score(users, model.world.items()).numpy()[0].astype(np.float64) * choice.scale
        score[own[own != hidden]] = -np.inf
        told.append(np.exp(score - logsumexp(score)))
        taken.append(np.arange(len(score)) == hidden)
    p, y = np.concatenate(told), np.concatenate(taken)
    order = np.argsort(p)
    for group in np.array_split(order, 4):
        spread = np.sqrt((p[group] * (1 - p[group])).sum())
        assert abs(y[group].sum() - p[group].sum()) < 4 * spread


def test_filters_stock_and_hidden(model) -> None:
    shop = Shop(model)
    shop.restock([Stock(i, 0, NOW) for i in model.world.catalogue.ids[:100].tolist()], NOW)
    open_ = ids(shop, asked(shop, n=100, filters=Filters(in_stock=True)))
    assert not set(open_) & set(model.world.catalogue.ids[:100].tolist())
    assert len(asked(shop, filters=None).row) == 0
    assert len(asked(shop, filters=Filters(exclude_items=model.world.catalogue.ids.tolist())).row) == 0


def test_slots_for_new_garments(model) -> None:
    explorer = Explorer(Plan(share=0.2, guarantee=3), opened=NOW)
    shop = Shop(model, explorer=explorer)
    shop.put([dress(f"n{i}", kind="bag", department="accessories", colour="ochre") for i in range(4)], NOW)
    user, seen = model.world.shoppers.ids[1], dict.fromkeys([f"n{i}" for i in range(4)], 0)
    for seed in range(40):
        found = asked(shop, seed, shopper=user, n=10, explore=True)
        assert found.explored[:10].sum() <= 2
        assert not found.explored[10:].any()
        assert ((found.propensity[found.explored] > 0) & (found.propensity[found.explored] <= 1)).all()
        assert len(set(found.row.tolist())) == len(found.row)
        explorer.note(shop.state, found.row[:10])
        for item in np.array(ids(shop, found))[found.explored]:
            seen[item] = seen.get(item, 0) + 1
    assert all(count >= 3 for count in seen.values()), seen
    assert all(count >= 3 for count in explorer.shown(shop.state).values() if count)
    late = answer(shop.engine(), Ask(shopper=user, n=10, explore=True), stream(1), NOW + 40 * 86_400_000_000)
    assert not late.explored.any()


def test_reasons_name_the_nearest_and_what_is_shared(model) -> None:
    shop = Shop(model)
    shop.put([dress("mine"), dress("twin")], NOW)
    found = asked(shop, events=[Event("mine", 2.0, NOW)], filters=Filters(values={"colour": ["red"]}))
    place = ids(shop, found).index("twin")
    reason = explain(shop.engine(), found)[place][0]
    assert (reason.kind, reason.item_id) == ("like", "mine")
    assert reason.shared["colour"] == "red"
    assert reason.likeness == pytest.approx(1, abs=1e-4)
    stranger = asked(shop)
    assert explain(shop.engine(), stranger)[0][0].kind == "popular"


def event(n: int, user: str, item: str) -> dict[str, Any]:
    at = NOW // 1000 - 1000 + n
    return {"event_id": f"e{n}", "type": "purchase", "user_id": user, "item_id": item, "timestamp": at}


def test_a_garment_warms_up_as_offline_adaptation_does(warm_model, tmp_path: Path) -> None:
    """Online = offline: the same scores as `adapt` on the same events, and the same whatever the order."""
    scores = []
    cold = warm_model.world.catalogue.ids[warm_model.world.catalogue.n_hot :].tolist()[:2]
    shoppers = warm_model.world.shoppers.ids[:6].tolist()
    events = [event(n, user, cold[n % 2]) for n, user in enumerate(shoppers)]
    pairs = warm_model.world.data.matrix()
    alike = np.asarray((pairs[6:] @ pairs[:6].T).sum(axis=1)).ravel()
    asker_id = warm_model.world.shoppers.ids[6 + int(alike.argmax())]
    for place, order in (("a", events), ("b", events[::-1])):
        with Online.open(tmp_path / place, now=lambda: NOW) as online:
            shop = Shop(warm_model, online)
            online.ingest(order)
            engine = shop.engine()
            assert engine.warmed.rows == set(warm_model.world.item_rows(cold).tolist())
            found = asked(shop, shopper=asker_id, n=100)
            scores.append(dict(zip(ids(shop, found), found.score.tolist(), strict=True)))
            paths = dict(zip(ids(shop, found), found.path.tolist(), strict=True))
            assert all(paths[item] == "warming" for item in cold if item in paths)
    assert scores[0] == scores[1]
    users = warm_model.world.users(shoppers)
    items = warm_model.world.items(cold)
    zero = np.zeros(6, dtype=np.int64)
    told = Events(np.arange(6), np.arange(6) % 2, np.full(6, 5.0, np.float32), zero)
    support = Support(users, items, preference_matrix(told, 6, 2))
    params = warm_model.fitted.method.adapt(warm_model.fitted.params, support)
    asker = warm_model.world.users([asker_id])
    offline = warm_model.fitted.method.score(params, asker, items).numpy()[0]
    assert [scores[0][i] for i in cold if i in scores[0]] == pytest.approx(
        [s for s, i in zip(offline.tolist(), cold, strict=True) if i in scores[0]], rel=1e-5
    )
    assert offline.tolist() != warm_model.score(asker, items).numpy()[0].tolist()


def test_a_restart_keeps_the_catalogue_and_what_was_learned(warm_model, tmp_path: Path) -> None:
    with Online.open(tmp_path / "s", now=lambda: NOW) as online:
        shop = Shop(warm_model, online)
        done = shop.put([dress("n1"), dress("n2")], NOW)
        assert done.seq > 0
        shop.patch("n1", {"colour": "blue"}, NOW)
        shop.hide("n2", NOW + 5)
        shop.restock([Stock("n1", 4, NOW)], NOW - 100)
        online.ingest([event(1, warm_model.world.shoppers.ids[0], "n1")])
        before = asked(shop, shopper=warm_model.world.shoppers.ids[9], n=100)
        names = ids(shop, before)
    with Online.open(tmp_path / "s", now=lambda: NOW) as online:
        again = Shop(warm_model, online)
        after = asked(again, shopper=warm_model.world.shoppers.ids[9], n=100)
        assert ids(again, after) == names
        assert after.score.tolist() == before.score.tolist()
        assert again.state.model.world.dataset.items.equals(shop.state.model.world.dataset.items)
        assert again.state.index("n2") == -1
        assert online.history(Shopper("user", warm_model.world.shoppers.ids[0]))


def test_the_ledger_keeps_answers_and_counts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    items = (Shown("a", "hot", explored=False, propensity=1.0), Shown("b", "cold", explored=True, propensity=0.25))
    for n in range(3):
        ledger.note(Answer(f"r{n}", NOW + n, "m", items, ("b",)))
    ledger.flush()
    assert ledger.shown() == {"b": 3}
    assert [a.recommendation_id for a in ledger.answers(NOW + 1)] == ["r1", "r2"]
    ledger.close()
    again = Ledger(tmp_path)
    found = again.find("r1")
    assert found is not None
    assert found.items == items
    assert again.find("nope") is None
    assert again.shown() == {"b": 3}
    again.close()


def test_nobody_is_nobody(model) -> None:
    assert model.world.user_rows([NOBODY])[0] == -1


class Sure:
    """A method that says how likely a garment is taken, whatever its scores are."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.evidence = inner, inner.evidence

    def init(self, data: Any, seed: int) -> Any:
        return self.inner.init(data, seed)

    def score(self, params: Any, users: Any, items: Any) -> Any:
        return self.inner.score(params, users, items)

    def probabilities(self, params: Any, users: Any, items: Any, scores: Any = None) -> Any:
        return torch.from_numpy((items.rows / 1000).astype(np.float32))[None].repeat(len(users), 1)


def test_a_method_that_knows_its_probabilities_is_asked(model) -> None:
    sure = replace(model, fitted=model.fitted._replace(method=Sure(model.fitted.method)))
    user = model.world.shoppers.ids[0]
    found = asked(Shop(sure), shopper=user, n=5)
    assert found.probability == pytest.approx(found.row / 1000)
    assert found.row.tolist() == asked(Shop(model), shopper=user, n=5).row.tolist()
    stranger = asked(Shop(sure), n=5)  # a popular list is no work of the method
    assert stranger.probability.tolist() == sorted(stranger.probability.tolist(), reverse=True)


def test_a_changed_catalogue_is_ready_before_it_answers(model) -> None:
    shop = Shop(model)
    before = shop.state.model.world.catalogue
    shop.put([dress("new1")], NOW)
    features = shop.state.model.world.catalogue.features
    assert features is not before.features
    assert features.kept is not None
    assert set(features.kept) == {"content_knn"}
    shop.restock([Stock("new1", 3.0, NOW)], NOW)
    assert shop.state.model.world.catalogue.features is features


def test_the_list_of_a_model_that_failed_has_one_of_each_family(model) -> None:
    shop = Shop(model)
    family = shop.state.model.world.catalogue.family
    found = most_popular(shop.engine(), Ask(n=50))
    assert len(set(family[found.row].tolist())) == len(found.row) == min(len(set(family.tolist())), 120)
    count = shop.state.model.world.popularity
    assert (np.diff(count[found.row]) <= 0).all()
    assert all(count[row] == count[family == family[row]].max() for row in found.row)
