"""What left-out garments teach, in worlds where the right lesson is known."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin import registry
from muslin.data.splits import rehearsal as split
from muslin.features.space import World, encode
from muslin.nets import prior, process, rehearsal, signals
from muslin.nets.lesson import Lesson
from muslin.recipes.left_out import left_out
from muslin.testing.worlds import tiny_shop
from muslin.types import Params, Support

SHAPE = prior.Shape(penalty=50.0, keep=300, neighbours=30, smoothed=0.0, known=0.0)


@pytest.fixture(scope="module")
def shop():
    dataset = tiny_shop(items=200, users=400, events=6000)
    cut = split(dataset, 0, share=0.25)
    world = encode(cut.train)
    entry = registry.entry("muslin")
    params = entry.build(entry.config(dimensions=16)).init(world.data, 0)
    return world, params, left_out(world, cut, dataset, {"history", "profile"}, 0)


def weighed(shop: tuple[World, Params, Support], weight: sp.csr_matrix) -> Params:
    _world, params, support = shop
    return rehearsal.learned(
        params, replace(support, weight=sp.csr_matrix(weight, dtype=np.float32), place=None), SHAPE, 0
    )


def new(shop: tuple[World, Params, Support]) -> np.ndarray:
    return signals.kinds(shop[1], shop[2].items) == signals.NEW


def by_signal(shop: tuple[World, Params, Support], name: str, *, known: bool) -> sp.csr_matrix:
    """Everybody takes, of the items on one side, the three that one signal puts first."""
    _world, params, support = shop
    values = list(signals.each(params, support.users, support.items, SHAPE))[signals.NAMES.index(name)].copy()
    values[:, new(shop) == known] = -np.inf
    values[support.users.history[:, support.items.rows].toarray() > 0] = -np.inf
    taken = np.zeros(values.shape, dtype=np.float32)
    np.put_along_axis(taken, np.argsort(-values, axis=1)[:, :3], 1, axis=1)
    return sp.csr_matrix(taken)


@pytest.mark.parametrize("name", ["alike", "taste"])
def test_the_signal_that_decides_of_new_items_gets_the_weight(shop, name) -> None:
    mix = weighed(shop, by_signal(shop, name, known=False))["mix"]
    place = signals.NAMES.index(name)
    assert mix[1, 0].argmax() == place
    assert mix[1, 0, place] > 2 * shop[1]["mix"][1, 0, place]
    assert torch.equal(mix[0], shop[1]["mix"][0])  # of known items nothing was left out


def test_the_signal_that_decides_of_known_items_gets_the_weight(shop) -> None:
    mix = weighed(shop, by_signal(shop, "sold", known=True))["mix"]
    assert mix[0].sum(0).argmax() == signals.NAMES.index("sold")
    assert torch.equal(mix[1], shop[1]["mix"][1])


def gained(shop, weight: sp.csr_matrix) -> float:
    """Standard deviation of what three shoppers add to a garment's logits, after rehearsal on `weight`."""
    _world, params, support = shop
    taught = params | weighed(shop, weight)
    columns = np.flatnonzero(new(shop))[:8]
    first = np.zeros(support.weight.shape, dtype=np.float32)
    for column in columns:
        first[np.flatnonzero(weight[:, [column]].toarray())[:3], column] = 1
    told = replace(support, weight=sp.csr_matrix(first), place=None)
    adapted = process.adapted(taught, told, signals.mixed(taught, support.users, support.items, SHAPE))
    return float(process.added(adapted, support.users, support.items)[:, columns].std())


def test_first_shoppers_are_believed_when_they_speak_for_later_ones_and_not_otherwise(shop) -> None:
    _world, params, support = shop
    rng = np.random.default_rng(0)
    vectors = process.known(params, support.users, support.items).taste
    telling = np.zeros(support.weight.shape, dtype=np.float32)
    for column in np.flatnonzero(new(shop)):  # whoever is alike takes the same, whatever the garment looks like
        alike = vectors @ vectors[rng.integers(len(vectors))]
        telling[np.argsort(-alike)[:30], column] = 1
    shuffled = telling[rng.permutation(len(telling))]
    for column in range(shuffled.shape[1]):
        shuffled[:, column] = rng.permutation(shuffled[:, column])
    believed, doubted = (gained(shop, sp.csr_matrix(weight)) for weight in (telling, shuffled))
    assert believed > 3 * doubted


def test_who_came_first_is_told_of_and_not_who_is_drawn(shop) -> None:
    """First shoppers are alike to nobody who comes later; in any other order they would speak for them."""
    _world, params, support = shop
    rng = np.random.default_rng(0)
    vectors = process.known(params, support.users, support.items).taste
    weight, order = (np.zeros(support.weight.shape, dtype=np.float32) for _ in range(2))
    for column in np.flatnonzero(new(shop)):
        alike = np.argsort(-(vectors @ vectors[rng.integers(len(vectors))]))
        first, later = rng.permutation(alike[60:])[:12], rng.permutation(alike[:25])
        weight[np.concatenate([first, later]), column] = 1
        order[first, column], order[later, column] = np.arange(1, 13), np.arange(13, 38)
    believed = []
    for place in (None, sp.csr_matrix(order)):
        left = replace(support, weight=sp.csr_matrix(weight), place=place)
        taught = rehearsal.learned(params, left, SHAPE, 0)
        believed.append(float(taught["kernel"][:3].exp().sum() / taught["noise"][0].exp()))
    assert believed[0] > 1.5 * believed[1]


def test_it_is_repeatable_and_changes_nothing_in_place(shop) -> None:
    _world, params, support = shop
    before = {name: value.clone() for name, value in params.items()}
    first, second = (rehearsal.learned(params, support, SHAPE, 0) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(torch.equal(before[name], value) for name, value in params.items())


def test_too_little_teaches_nothing(shop) -> None:
    _world, params, support = shop
    few = sp.csr_matrix(support.weight.shape, dtype=np.float32).tolil()
    few[0, 0] = 1
    taught = weighed(shop, few.tocsr())
    assert all(torch.equal(value, params[name]) for name, value in taught.items())


def test_an_episode_asks_nobody_it_was_told_of(shop) -> None:
    _world, params, support = shop
    columns = np.flatnonzero(new(shop))
    episodes = rehearsal._drawn(params, support, columns, SHAPE, 0)
    assert len(episodes) == len(rehearsal.KS)
    for episode, k in zip(episodes, rehearsal.KS, strict=True):
        lesson = episode.lesson
        assert not ((lesson.truth > 0) & lesson.closed).any()
        assert episode.own.shape[1] == k
        taken = torch.from_numpy(support.weight.toarray()[:, columns] > 0)
        assert lesson.closed.sum(0).max() <= k
        assert ((lesson.truth > 0) | lesson.closed).sum() <= taken.sum()


def test_a_garment_that_sold_a_hundred_times_counts_ten_times_one_that_sold_once() -> None:
    truth = torch.zeros(100, 2)
    truth[:, 0] = truth[0, 1] = 1
    damped = rehearsal._damped(Lesson(torch.zeros(100, 2, 6), torch.zeros(100, 1), truth, truth < 0))
    torch.testing.assert_close(damped.truth.sum(0), torch.tensor([10.0, 1.0]))
