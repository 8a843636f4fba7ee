"""Tasks: what is told comes before what is asked, what acts as new leaves no trace, and nobody is left out."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from muslin.data import episodes
from muslin.data.episodes import KS, Terms
from muslin.features.space import World, encode
from muslin.random import stream
from muslin.testing.worlds import tiny_shop

TERMS = Terms(tasks=12, steps=(60, 60), others=20, crossing=0.0)


@pytest.fixture(scope="module")
def world() -> World:
    return encode(tiny_shop(events=4800))


@pytest.fixture(scope="module")
def batches(world) -> list[episodes.TaskBatch]:
    return list(episodes.episodes(world.data, 0, 0, TERMS))


def of(batches: list[episodes.TaskBatch], entity: str) -> list[episodes.TaskBatch]:
    return [b for b in batches if b.entity == entity]


def first_times(world) -> dict[tuple[int, int], int]:
    events, found = world.data.events, {}
    for user, item, time in zip(events.user, events.item, events.time, strict=True):
        found[user, item] = min(time, found.get((user, item), time))
    return found


def pairs_of(batch: episodes.TaskBatch, part: episodes.Told, task: int) -> set[tuple[int, int]]:
    there = (part.weight[task] > 0) & (part.wanted[task] > 0)
    users, items = batch.user[part.shopper[task][there]], batch.items[part.item[task][there]]
    return set(zip(users.tolist(), items.tolist(), strict=True))


def test_every_number_of_events_is_drawn_for_both(batches) -> None:
    assert {b.k for b in of(batches, "garments")} == set(KS)
    assert {b.k for b in of(batches, "shoppers")} >= {0, 1, 2, 3, 5, 10}


def test_what_is_told_came_before_what_is_asked_and_both_really_happened(world, batches) -> None:
    times = first_times(world)
    for batch in batches:
        for task in range(len(batch.told.weight)):
            told, asked = (pairs_of(batch, part, task) for part in (batch.told, batch.asked))
            assert len(told) == batch.k
            assert asked
            assert not told & asked
            if told:
                assert max(times[pair] for pair in told) <= min(times[pair] for pair in asked)


def test_no_task_is_padded(batches) -> None:
    for batch in batches:
        assert (batch.told.weight[:, : batch.k] > 0).all()


def test_what_speaks_for_and_against_weighs_alike(batches) -> None:
    for batch in batches:
        wanted = (batch.told.wanted * batch.told.weight).sum(axis=1)
        total = batch.told.weight.sum(axis=1)
        np.testing.assert_allclose(wanted, 0.5 if batch.k else 0.0, rtol=1e-5)
        np.testing.assert_allclose(total, 1.0 if batch.k else 0.0, rtol=1e-5)


def test_nobody_who_took_it_counts_against_it(world, batches) -> None:
    took = world.data.matrix().toarray() > 0
    for batch in batches:
        for part in (batch.told, batch.asked):
            against = (part.weight > 0) & (part.wanted == 0)
            assert not took[batch.user[part.shopper], batch.items[part.item]][against].any()


def test_new_garments_and_their_families_are_in_no_history_and_have_no_number(world, batches) -> None:
    for batch in of(batches, "garments"):
        own = batch.items[batch.told.item[:, 0]]
        family = world.data.catalogue.family
        assert len(np.unique(family[own])) == len(own)
        assert (batch.hidden == np.isin(family[batch.items], family[own])).all()
        assert not batch.history[:, batch.hidden].nnz
        assert len(own) <= len(np.unique(family)) // episodes.SHARE


def test_a_shopper_is_shown_what_is_told_and_without_the_family_in_question(world, batches) -> None:
    family = world.data.catalogue.family
    for batch in of(batches, "shoppers"):
        for task in range(len(batch.told.weight)):
            told = batch.items[batch.told.item[task, : batch.k]]
            whole = batch.items[batch.history[batch.asked.shopper[task, 0]].indices]
            assert set(whole) == set(told)
            for at, item in zip(batch.told.shopper[task, : batch.k], told, strict=True):
                shown = batch.items[batch.history[at].indices]
                assert set(shown) == {i for i in told if family[i] != family[item]}


def test_all_strata_of_popularity_are_drawn_alike_and_weigh_by_popularity(world) -> None:
    counts = np.bincount(world.data.events.item)
    terms = Terms(tasks=12, steps=(160, 160), garments=1.0)
    seen = [b for b in episodes.episodes(world.data, 1, 0, terms) if b.k == 0]
    rows = np.concatenate([b.items[b.asked.item[:, 0]] for b in seen])
    quarter = np.searchsorted(np.quantile(counts, [0.25, 0.5, 0.75]), counts)
    share = np.bincount(quarter[rows], minlength=4) / len(rows)
    assert (abs(share - 0.25) < 0.08).all()
    batch = seen[0]
    weight, popular = batch.asked.weight.max(axis=1), world.popularity[batch.items[batch.asked.item[:, 0]]]
    assert np.corrcoef(weight, popular)[0, 1] > 0.9


def test_an_epoch_is_a_function_of_its_arguments(world) -> None:
    one, again, other = (next(episodes.episodes(world.data, 0, epoch, TERMS)) for epoch in (3, 3, 4))
    assert np.array_equal(one.items, again.items)
    assert np.array_equal(one.asked.wanted, again.asked.wanted)
    assert not np.array_equal(one.items, other.items)


def test_what_was_shown_and_not_taken_counts_against_where_it_is_logged(world) -> None:
    took = world.data.matrix().toarray() > 0
    shown = (~took & (stream(0, "shown").random(took.shape) < 0.05)) | took
    data = replace(world.data, exposed=sp.csr_matrix(shown.astype(np.float32)))
    strangers = episodes.strangers(data, 0, TERMS.refused)
    for batch in episodes.episodes(data, 0, 0, Terms(tasks=12, steps=(30, 30), others=20)):
        user, item = batch.user[batch.told.shopper], batch.items[batch.told.item]
        against = (batch.told.weight > 0) & (batch.told.wanted == 0)
        usual = strangers.users if batch.entity == "garments" else strangers.items
        known = np.isin(user if batch.entity == "garments" else item, usual)
        assert (shown[user, item] | known)[against].all()
        if batch.k:
            assert shown[user, item][against].mean() > 0.3


def test_across_domains_a_shopper_is_told_of_one_and_asked_for_another(world) -> None:
    terms = Terms(tasks=12, steps=(40, 40), garments=0.0, crossing=1.0, others=20)
    domain = world.data.catalogue.domain
    found = [b for b in episodes.episodes(world.data, 0, 0, terms) if b.k]
    assert found
    crossed = 0
    for batch in found:
        told = domain[batch.items[batch.told.item[:, : batch.k]]]
        asked = [domain[batch.items[batch.asked.item[t][batch.asked.wanted[t] > 0]]] for t in range(len(told))]
        crossed += all((a == 1 - told[t, 0]).all() for t, a in enumerate(asked)) and (told == told[0, 0]).all()
    assert crossed > len(found) / 2  # the others had too few such shoppers


def test_impressions_reach_the_training_data() -> None:
    shop = tiny_shop()
    assert encode(shop).data.exposed is None
    events = shop.events
    shown = events.head(50).with_columns(event=events["event"].head(50).replace("purchase", "impression"))
    data = encode(shop.with_events(events.vstack(shown.with_columns(weight=shown["weight"] * 0)))).data
    assert data.exposed is not None
    assert data.exposed.nnz == len(shown.select("user_id", "item_id").unique())
