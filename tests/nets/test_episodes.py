"""Items that act as new: they leave no trace, and the setting chosen is the one that ranks best."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin.features.space import World, encode
from muslin.nets import episodes, prior, warming
from muslin.testing.worlds import tiny_shop

SHAPE = prior.Shape(penalty=20.0, keep=1000, neighbours=5, smoothed=0.5, known=1.0)


@pytest.fixture(scope="module")
def world() -> World:
    return encode(tiny_shop(events=4800))


@pytest.fixture(scope="module")
def drawn(world) -> episodes.Episodes:
    params = prior.fit(world.data, SHAPE, 0)
    params["damping"] = torch.from_numpy(warming.damping(world.data.matrix(), 0.25))
    found = episodes.drawn(world.data, params, 12, 0)
    assert found is not None
    return found


def test_hidden_items_and_their_families_leave_no_trace(world, drawn) -> None:
    catalogue, n = drawn.cases.items.catalogue, drawn.cases.items.catalogue.n_hot
    assert len(drawn.cases.items) == 12
    assert not set(catalogue.family[:n]) & set(catalogue.family[n:])
    for users in (drawn.cases.users, *(told.users for told in drawn.cases.told)):
        assert not users.history[:, n:].nnz
    names = {name: row for row, name in enumerate(world.catalogue.ids)}
    rows = [names[name] for name in catalogue.ids[:n]]
    expected = world.data.matrix().sign()[drawn.cases.users.rows][:, rows]
    assert (drawn.cases.users.history[:, :n] != expected).nnz == 0


def test_each_item_is_told_k_times_of_its_own_shoppers_and_asked_of_the_others(world, drawn) -> None:
    names = {name: row for row, name in enumerate(world.catalogue.ids)}
    rows = [names[name] for name in drawn.cases.items.catalogue.ids[drawn.cases.items.rows]]
    took = world.data.matrix().sign().toarray()[:, rows]
    last = set()
    for k, told in zip(episodes.KS, drawn.cases.told, strict=True):
        events = told.weight.toarray()
        assert (events.sum(axis=0) == k).all()
        assert (events <= took[told.users.rows]).all()
        pairs = {(told.users.rows[u], i) for u, i in zip(*events.nonzero(), strict=True)}
        assert last <= pairs  # one more shopper, not others
        last = pairs
    told = np.zeros_like(took)
    told[drawn.cases.told[-1].users.rows] = drawn.cases.told[-1].weight.toarray()
    assert (drawn.cases.seen.toarray() == told[drawn.cases.users.rows]).all()
    assert (drawn.cases.truth.toarray() == (took - told)[drawn.cases.users.rows]).all()


def test_the_setting_that_ranks_best_is_chosen(drawn) -> None:
    """Against ranks counted one by one, on scores adapted as serving adapts them."""

    def rule(setting: episodes.Setting) -> warming.Coefficients:
        return lambda _alike, before: np.full(before.shape, setting.first / before.shape[-1])

    def worth(setting: episodes.Setting) -> float:
        found = []
        for told in drawn.cases.told:
            nothing = np.zeros(told.weight.shape, dtype=np.float32)
            after = warming.adapted(drawn.params, told, nothing, rule(setting))
            scores = prior.scores(drawn.params, drawn.cases.users, drawn.cases.items, SHAPE)
            scores = scores + warming.added(after, drawn.cases.users.history, drawn.cases.items)
            for user, item in zip(*drawn.cases.truth.nonzero(), strict=True):
                others = np.delete(scores[user], drawn.cases.seen[[user]].indices)
                found.append(1 / np.log2(1 + (others >= scores[user, item]).sum()))
        return float(np.mean(found))

    settings = [episodes.Setting(count, 0.0) for count in (-4.0, -1.0, 0.0, 1.0, 4.0, 16.0)]
    expected = [worth(setting) for setting in settings]
    assert len(set(expected)) == len(settings)
    assert episodes.best(drawn, SHAPE, settings, rule) == settings[int(np.argmax(expected))]
    assert episodes.best(drawn, SHAPE, settings[::-1], rule) == settings[int(np.argmax(expected))]


def test_too_few_items_choose_nothing(world) -> None:
    few = encode(tiny_shop(items=150, users=200, events=150))
    params = prior.fit(few.data, SHAPE, 0)
    params["damping"] = torch.from_numpy(warming.damping(few.data.matrix(), 0.25))
    assert episodes.drawn(few.data, params, 12, 0) is None


def test_a_better_rank_is_worth_more() -> None:
    scores = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]], dtype=np.float32)
    first = episodes._worth(scores, sp.csr_matrix(np.array([[1, 0, 0], [0, 1, 0]])))
    assert first == pytest.approx((1 + 1 / np.log2(3)) / 2)
    assert episodes._worth(scores * 0, sp.csr_matrix(np.array([[1, 0, 0], [0, 0, 0]]))) == pytest.approx(0.5)
