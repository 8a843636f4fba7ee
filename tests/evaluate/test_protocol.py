from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.errors import UsageError
from muslin.evaluate.exam import Ask, Exam, Terms
from muslin.evaluate.protocol import PROTOCOLS, check_ks, protocol


def pairs(ask: Ask) -> set[tuple[str, str]]:
    ids = ask.items.catalogue.ids[ask.items.rows]
    cells = ask.truth.tocoo()
    return {(ask.users[u], ids[i]) for u, i in zip(cells.row, cells.col, strict=True)}


def exam(dataset: Dataset, name: str, **terms: object) -> Exam:
    return protocol(name).build(dataset, Terms(**{"seed": 0, **terms}))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_true_item_is_a_candidate_and_none_is_seen_or_learned(dataset: Dataset, name: str) -> None:
    built = exam(dataset, name)
    learned = set(built.split.train.events.select("user_id", "item_id").iter_rows())
    for ask in built.asks:
        assert ask.truth.shape == ask.seen.shape == (len(ask.users), len(ask.items))
        assert (np.diff(ask.truth.indptr) > 0).all()
        assert ask.truth.multiply(ask.seen).nnz == 0
        assert not pairs(ask) & learned
        assert len(ask.labels) == len(ask.items)


def test_item_cold_ranks_cold_items_alone_and_among_all(dataset: Dataset) -> None:
    built = exam(dataset, "item-cold")
    within, full = built.asks
    cold = built.split.cold_items
    assert {within.view, full.view} == {"within", "full"}
    assert set(within.items.catalogue.ids[within.items.rows]) == cold
    assert {i for _, i in pairs(within)} <= cold
    hot = set(built.split.train.events["item_id"].unique())
    assert set(full.items.catalogue.ids[full.items.rows]) == hot | cold
    assert pairs(within) == {(u, i) for u, i in pairs(full) if i in cold}
    assert {i for _, i in pairs(full)} & hot
    labelled = dict(zip(full.items.catalogue.ids[full.items.rows], full.labels, strict=True))
    assert all(labelled[i] == ("cold" if i in cold else "hot") for i in labelled)


def test_full_view_leaves_out_what_the_shopper_took_in_training(dataset: Dataset) -> None:
    built = exam(dataset, "item-cold")
    full = built.asks[1]
    taken = built.split.train.events.filter(pl.col("user_id") == full.users[3])["item_id"].unique()
    left_out = full.items.catalogue.ids[full.items.rows][full.seen[3].indices]
    assert set(left_out) == set(taken)


def test_items_nobody_ever_took_are_nobodys_candidates(dataset: Dataset) -> None:
    unknown = dataset.items.head(5).with_columns(
        item_id=pl.Series([f"new{n}" for n in range(5)]), family=pl.Series([f"new{n}" for n in range(5)])
    )
    larger = replace(dataset, items=pl.concat([dataset.items, unknown]))
    for name in PROTOCOLS:
        for ask in exam(larger, name).asks:
            assert not {i for i in ask.items.catalogue.ids[ask.items.rows] if i.startswith("new")}


def test_user_cold_asks_the_same_of_every_k_and_reveals_only_k(dataset: Dataset) -> None:
    built = exam(dataset, "user-cold", ks=(0, 1, 3))
    assert [ask.k for ask in built.asks] == [0, 1, 3]
    assert all(pairs(ask) == pairs(built.asks[0]) for ask in built.asks)
    assert all((ask.seen != built.asks[0].seen).nnz == 0 for ask in built.asks)
    for ask in built.asks:
        revealed = built.world.users(ask.users, ask.support).history
        assert (np.diff(revealed.indptr) == ask.k).all()
        assert set(ask.labels) == {"warming" if ask.k else "cold"}
    assert not set(built.asks[0].users) & set(built.split.train.events["user_id"])


def test_what_the_largest_k_reveals_is_out_of_the_list_even_at_k_0(dataset: Dataset) -> None:
    first = exam(dataset, "user-cold", ks=(0,)).asks[0]
    hot = set(first.items.catalogue.ids[first.items.rows])
    theirs = dataset.events.filter(pl.col("user_id") == first.users[0]).head(3)["item_id"]
    left_out = set(first.items.catalogue.ids[first.items.rows][first.seen[0].indices])
    assert left_out == set(theirs) & hot


def test_a_larger_k_moves_the_query_back_for_all(dataset: Dataset) -> None:
    small, large = exam(dataset, "user-cold", ks=(0, 1)), exam(dataset, "user-cold", ks=(0, 5))
    assert pairs(large.asks[0]) < pairs(small.asks[0])


def test_warm_asks_known_shoppers_for_known_items(dataset: Dataset) -> None:
    (ask,) = exam(dataset, "warm").asks
    assert ask.k is None
    assert set(ask.labels) == {"hot"}
    assert (ask.items.rows < ask.items.catalogue.n_hot).all()


def test_max_users_draws_the_same_shoppers_every_time_and_for_every_k(dataset: Dataset) -> None:
    built = exam(dataset, "user-cold", max_users=6)
    assert all(len(ask.users) == 6 for ask in built.asks)
    assert len({ask.users for ask in built.asks}) == 1
    assert built.asks[0].users == exam(dataset, "user-cold", max_users=6).asks[0].users
    whole = exam(dataset, "user-cold").asks[0]
    assert set(built.asks[0].users) < set(whole.users)
    assert pairs(built.asks[0]) == {(u, i) for u, i in pairs(whole) if u in built.asks[0].users}


def test_an_unknown_protocol_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="item-cold") as caught:
        protocol("item_cold")
    assert caught.value.code == "unknown_protocol"


@pytest.mark.parametrize("ks", [(), (-1, 2)])
def test_ks_must_be_numbers_from_zero_up(ks: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        check_ks(ks)
    assert caught.value.code == "bad_k"


def test_ks_are_sorted_and_kept_once() -> None:
    assert check_ks([3, 0, 3]) == (0, 3)


def test_another_seed_is_another_cut(dataset: Dataset) -> None:
    assert exam(dataset, "item-cold", seed=1).split.cold_items != exam(dataset, "item-cold").split.cold_items
