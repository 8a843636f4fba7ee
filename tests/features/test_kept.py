"""What is kept of a catalogue is what would be made anew."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from muslin import scoring
from muslin.engine.model import Model
from muslin.features.append import keeping, with_rows
from muslin.features.kept import by_row, once
from muslin.features.space import World
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def model() -> Model:
    return fit(tiny_shop(items=80, users=60, events=200), "content_knn")


def added(world: World, n: int) -> World:
    """`n` garments more."""
    rows = world.dataset.items[:n].with_columns(item_id=pl.lit("x") + pl.int_range(pl.len()).cast(pl.String))
    return with_rows(world, rows)


def test_once_makes_anew_only_what_is_made_of_other_things(model) -> None:
    features, made = keeping(model.world).catalogue.features, []
    one, other = torch.zeros(2), torch.zeros(2)

    def make() -> int:
        made.append(1)
        return len(made)

    assert [once(features, "a", (one,), make) for _ in range(3)] == [1, 1, 1]
    assert once(features, "a", (other,), make) == 2
    assert once(features, "b", (other,), make) == 3
    assert [once(model.world.catalogue.features, "a", (one,), make) for _ in range(2)] == [4, 5]


def test_rows_are_made_once_each(model) -> None:
    world, asked = keeping(model.world), []
    start = world.catalogue.n_hot

    def twice(features) -> sp.csr_matrix:
        def make(rows):
            asked.extend(rows.tolist())
            return sp.csr_matrix(features.matrix[rows] * 2)

        return by_row(features, "twice", (), start, make)

    def right(found, w) -> bool:
        return np.array_equal(found.toarray(), w.catalogue.features.matrix[start:].toarray() * 2)

    assert right(twice(world.catalogue.features), world)
    cold, n = list(range(start, len(world.catalogue))), len(world.catalogue)
    assert asked == cold
    grown = added(world, 3)
    assert right(twice(grown.catalogue.features), grown)
    assert asked[len(cold) :] == [n, n + 1, n + 2]
    colour = pl.lit("mauve" if grown.dataset.items["colour"][n - 1] == "red" else "red")
    changed = with_rows(grown, grown.dataset.items[n - 1 : n].with_columns(colour=colour))  # a cold one, replaced
    assert right(twice(changed.catalogue.features), changed)
    assert asked[len(cold) + 3 :] == [n - 1]
    hot = with_rows(changed, changed.dataset.items[:1].with_columns(price=pl.lit(1.0)))  # others may rest on a hot one
    assert right(twice(hot.catalogue.features), hot)
    assert len(asked) == len(cold) + 4 + len(hot.catalogue) - start


@pytest.mark.parametrize("method", ["content_knn", "content_blend", "item_knn", "prior_knn", "two_tower"])
def test_scores_of_a_kept_catalogue_are_the_same(method) -> None:
    options = {"epochs": 1, "dimensions": 8} if method == "two_tower" else {}
    model = fit(tiny_shop(items=80, users=60, events=200), method, options=options)
    plain, kept = model.world, keeping(model.world)
    for step in (0, 1, 2):
        ids = plain.shoppers.ids[:5].tolist()
        evidence = model.fitted.method.evidence
        found = []
        for world in (plain, kept, kept):  # the third from what was kept
            score = scoring.score(*model.fitted, world.popularity, world.users(ids, evidence=evidence), world.items())
            few = world.items(world.catalogue.ids[[0, len(world.catalogue) - 1]].tolist())
            part = scoring.score(*model.fitted, world.popularity, world.users(ids, evidence=evidence), few)
            found.append(score.scores.numpy())
            assert np.allclose(part.scores.numpy(), found[-1][:, [0, -1]], rtol=1e-4, atol=1e-5)
        assert np.allclose(found[0], found[1], rtol=1e-5, atol=1e-6)
        assert np.array_equal(found[1], found[2])
        if step == 0:
            plain, kept = added(plain, 4), added(kept, 4)
        else:  # a known garment is another one now
            row = plain.dataset.items[step : step + 1].with_columns(colour=pl.lit("mauve"), price=pl.lit(3.0))
            plain, kept = with_rows(plain, row), with_rows(kept, row)


def test_what_is_kept_changes_nothing_else(model) -> None:
    world = keeping(model.world)
    assert keeping(world) is world
    assert world.row_of_item == model.world.row_of_item
    assert replace(world.catalogue.features, kept=None).matrix is model.world.catalogue.features.matrix
