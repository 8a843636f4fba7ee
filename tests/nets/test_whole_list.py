"""Offsets and chances of one list, by methods whose logits are known to be shifted."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin import registry
from muslin.data.splits import rehearsal as split
from muslin.features.space import encode
from muslin.nets import chances, process, signals, whole_list
from muslin.recipes.left_out import left_out
from muslin.testing.worlds import tiny_shop
from muslin.types import Items, Params, Support, Users


@pytest.fixture(scope="module")
def shop() -> tuple[Params, Support]:
    dataset = tiny_shop(items=200, users=400, events=6000)
    cut = split(dataset, 0, share=0.25)
    world = encode(cut.train)
    entry = registry.entry("muslin")
    params = entry.build(entry.config(dimensions=16)).init(world.data, 0)
    return params, left_out(world, cut, dataset, {"history", "profile"}, 0)


def shifted(support: Support, down: dict[int, float]) -> whole_list.Method:
    """Knows the truth with noise, and ranks items of a kind too low by `down`."""
    truth = sp.csr_matrix(support.weight).sign().toarray()
    place = {int(row): n for n, row in enumerate(support.items.rows)}
    people = {tuple(h.indices): n for n, h in enumerate(support.users.history)}

    def logits(params: Params, users: Users, items: Items) -> np.ndarray:
        found = np.random.default_rng(0).standard_normal((len(users), len(items))).astype(np.float32)
        asked = [people[tuple(h.indices)] for h in users.history]
        for column, row in enumerate(items.rows):
            if int(row) in place:
                found[:, column] += 4 * truth[asked, place[int(row)]]
        lower = [down.get(kind, 0.0) for kind in signals.kinds(params, items)]
        return found - np.array(lower, dtype=np.float32)

    def adapt(params: Params, told: Support) -> Params:
        return params | {"adapted/rows": process.rows_told(told)}

    return whole_list.Method(logits, adapt)


def test_each_kind_is_lifted_by_what_it_is_too_low(shop) -> None:
    params, support = shop
    found = whole_list.learned(params, support, shifted(support, {1: 3.0, 2: 6.0}), 1.0, 0)["offset"]
    assert found[0] == 0
    assert found[1:].tolist() == pytest.approx([3.0, 6.0], abs=1.2)


def test_warming_garments_stand_as_new_ones_where_nothing_was_asked_of_them(shop) -> None:
    params, support = shop
    new = signals.kinds(params, support.items) == signals.NEW
    weight = sp.csr_matrix(support.weight).sign().tolil()
    for column in np.flatnonzero(new):
        weight[np.flatnonzero(weight[:, [column]].toarray())[1:], column] = 0  # one shopper, who is told of
    once = replace(support, weight=weight.tocsr(), place=None)
    found = whole_list.learned(params, once, shifted(once, {1: 3.0, 2: 6.0}), 1.0, 0)["offset"]
    assert found[2] == found[1] != 0


def test_chances_of_each_kind_come_true(shop) -> None:
    """In the lists they were learned from, over all and where the highest stand: new, warming and known items apart."""
    params, support = shop
    method = shifted(support, {1: 3.0, 2: 6.0})
    found = params | whole_list.learned(params, support, method, 1.0, 0)
    told, later, _ = whole_list._told(params, support, 0)
    for known, asked, kinds in ((params, support, (0, 1)), (method.adapt(params, told), later, (2,))):
        logits = method.logits(known, asked.users, asked.items)
        kind, taken = signals.kinds(known, asked.items), sp.csr_matrix(asked.weight).toarray() > 0
        logits += found["offset"].numpy()[kind]
        said = chances.stated(found["chance"], logits, kind, signals.lengths(asked.users)).numpy()
        for one in kinds:
            columns = kind == one
            assert said[:, columns].mean() == pytest.approx(taken[:, columns].mean(), abs=0.02), one
            top = np.argsort(-said[:, columns], axis=1)[:, :5]
            shown, true = (np.take_along_axis(part[:, columns], top, axis=1) for part in (said, taken))
            assert shown.mean() == pytest.approx(true.mean(), abs=0.12), one


def test_nothing_is_changed_in_place_and_all_is_repeatable(shop) -> None:
    params, support = shop
    before = {name: value.clone() for name, value in params.items()}
    method = shifted(support, {1: 1.0})
    one, two = (whole_list.learned(params, support, method, 0.05, 0) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert all(torch.equal(before[name], value) for name, value in params.items())
