"""Popularity of a shopper's segments, against sums written out by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.schema import ItemRoles
from muslin.features.space import World, encode
from muslin.method import Fitted
from muslin.recipes.fit import Recipe, fit_world
from muslin.scoring import score
from muslin.testing.worlds import tiny_shop

SMOOTHING = 10.0
DOMAINS = ("apparel", "accessories")


def fitted(dataset: Dataset) -> tuple[World, Fitted]:
    world = encode(dataset)
    return world, fit_world(Recipe(method="popularity_segment"), world, 0)


def scores(world: World, fit: Fitted, ids: list[str], rows: np.ndarray, support: pl.DataFrame | None = None):
    users = world.users(ids, support, fit.method.evidence)
    items = world.items(world.catalogue.ids[rows].tolist())
    return score(fit.method, fit.params, world.popularity, users, items).scores.numpy()


def in_one_domain(dataset: Dataset, name: str) -> Dataset:
    return Dataset(dataset.schema, dataset.items.with_columns(domain=pl.lit(name)), dataset.users, dataset.events)


@pytest.mark.parametrize("domains", ["one", "several"])
def test_scores_are_those_written_out_by_hand(domains) -> None:
    shop = tiny_shop()
    world, fit = fitted(in_one_domain(shop, "all") if domains == "one" else shop)
    user, hot = world.shoppers.ids[3], np.arange(world.catalogue.n_hot)
    got = scores(world, fit, [user], hot)[0]
    bought = world.data.matrix().sign().toarray()
    tastes = world.tastes(world.shoppers.ids[: len(bought)].tolist())
    expected = np.zeros(len(hot))
    for item in hot:
        name = world.catalogue.domains[world.catalogue.domain[item]]
        same = world.catalogue.domain[hot] == world.catalogue.domain[item]
        others = [f"taste:{d}:" for d in world.catalogue.domains if d != name]
        blocks = [b for b in tastes.blocks if any(b.name.startswith(o) for o in others)]
        columns = [c for b in blocks for c in range(b.start, b.stop)]
        if domains == "one" or not tastes.matrix[[3]][:, columns].sum():
            blocks = [b for b in tastes.blocks if b.name.count(":") == 1]
            columns, same = [c for b in blocks for c in range(b.start, b.stop)], np.ones(len(hot), dtype=bool)
        own = tastes.matrix[[3]].toarray()[0]
        for column in columns:
            shares = tastes.matrix[:, [column]].toarray()[:, 0]
            taken, all_taken = shares @ bought[:, item], (shares @ bought)[same].sum()
            common = bought[:, item].sum() / bought[:, same].sum()
            probability = (taken + SMOOTHING * common) / (all_taken + SMOOTHING)
            expected[item] += own[column] / own[columns].sum() * probability
        expected[item] *= bought[:, same].sum() / bought.sum()
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_a_garment_is_judged_by_what_was_taken_in_other_domains() -> None:
    world, fit = fitted(tiny_shop())
    rows = np.arange(world.catalogue.n_hot)
    clothes, bags = (rows[world.catalogue.domain[rows] == world.catalogue.domains.index(n)] for n in DOMAINS)

    def told(*items: int) -> np.ndarray:
        support = pl.DataFrame({"user_id": "new", "item_id": world.catalogue.ids[list(items)].tolist(), "weight": 1.0})
        return scores(world, fit, ["new"], clothes, support)[0]

    np.testing.assert_allclose(told(bags[0]), told(bags[0], clothes[0]), rtol=1e-6)
    assert not np.allclose(told(bags[0]), told(bags[1]))
    assert not np.allclose(told(clothes[0]), told(clothes[1]))  # nothing elsewhere: everything counts


def test_a_new_garment_takes_the_mean_of_its_finest_category() -> None:
    shop = in_one_domain(tiny_shop(), "all")
    cold = shop.items["item_id"][0]
    world, fit = fitted(shop.with_events(shop.events.filter(pl.col("item_id") != cold)))
    row = int(world.item_rows([cold])[0])
    kind = world.catalogue.category[row, 1]
    siblings = np.flatnonzero(world.catalogue.category[: world.catalogue.n_hot, 1] == kind)
    user = [world.shoppers.ids[0]]
    expected = scores(world, fit, user, siblings)[0].mean()
    np.testing.assert_allclose(scores(world, fit, user, np.array([row]))[0, 0], expected, rtol=1e-4)


def test_without_tastes_it_says_what_is_missing() -> None:
    world, fit = fitted(tiny_shop())
    with pytest.raises(ValueError, match=r"World\.training"):
        fit.method.init(world.data, 0)
    with pytest.raises(ValueError, match=r"World\.users"):
        fit.method.score(fit.params, world.users(["x"]), world.items())


def test_where_garments_have_no_columns_it_is_popularity() -> None:
    shop = tiny_shop()
    ids_only = Dataset(replace(shop.schema, items=ItemRoles()), shop.items, shop.users, shop.events)
    world, fit = fitted(ids_only)
    hot = np.arange(world.catalogue.n_hot)
    sold = np.asarray(world.data.matrix().sign().sum(axis=0)).ravel()[hot]
    for got in scores(world, fit, world.shoppers.ids[:5].tolist(), hot):
        for domain in np.unique(world.catalogue.domain[hot]):
            own = world.catalogue.domain[hot] == domain
            assert np.corrcoef(got[own], sold[own])[0, 1] == pytest.approx(1.0)
