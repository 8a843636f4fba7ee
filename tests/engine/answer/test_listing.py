"""The quick way to the best garments is the slow one: sort everything, then walk down it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from muslin.engine.answer.listing import Listing, leading, listing
from muslin.engine.model import Model
from muslin.method import Fitted
from muslin.random import stream
from muslin.types import Items, Params, Users


class Told:
    """Scores that were told, by row of the catalogue."""

    evidence = frozenset[str]()

    def __init__(self, score: np.ndarray) -> None:
        self.by_row = torch.from_numpy(score)

    def score(self, params: Params, users: Users, items: Items) -> torch.Tensor:
        return self.by_row[torch.from_numpy(items.rows)][None, :]


def naive(score: np.ndarray, popularity: np.ndarray, family: np.ndarray, open_: np.ndarray, depth: int) -> list[int]:
    order = sorted(np.flatnonzero(open_).tolist(), key=lambda row: (-score[row], -popularity[row], row))
    out: dict[int, int] = {}
    for row in order:
        out.setdefault(int(family[row]), row)
    return list(out.values())[:depth]


@given(seed=st.integers(0, 10_000), levels=st.sampled_from([1, 3, 1000]), k=st.integers(1, 80))
def test_leaders_are_those_of_a_full_sort(seed: int, levels: int, k: int) -> None:
    rng = stream(seed, "leading")
    rows = np.flatnonzero(rng.random(120) < 0.5)
    score = rng.integers(levels, size=len(rows)).astype(np.float32)
    popularity = rng.integers(4, size=120).astype(np.float32)
    k = min(k, len(rows))
    order = sorted(range(len(rows)), key=lambda place: (-score[place], -popularity[rows[place]], place))
    assert leading(score, popularity, rows, k).tolist() == order[:k]


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    levels=st.sampled_from([1, 3, 1000]),
    depth=st.sampled_from([1, 5, 500]),
    open_=st.floats(0, 1),
)
def test_a_listing_is_a_walk_down_the_whole_catalogue(
    model: Model, seed: int, levels: int, depth: int, open_: float
) -> None:
    rng, world = stream(seed, "listing"), model.world
    n = len(world.catalogue)
    score, allowed = rng.integers(levels, size=n).astype(np.float32), rng.random(n) < open_
    kept = allowed.copy()
    users = world.users(world.shoppers.ids[:1].tolist())
    found = listing(Fitted(Told(score), {}), world, users, allowed, depth)
    assert (allowed == kept).all()
    allowed[users.history.indices] = False
    assert found.rows().tolist() == naive(score, world.popularity, world.catalogue.family, allowed, depth)
    assert found.candidates.tolist() == np.flatnonzero(allowed).tolist()
    assert found.score.tolist() == score[allowed].tolist()


def test_candidates_are_found_by_row() -> None:
    found = Listing(np.array([2, 5, 9]), np.zeros(3, np.float32), np.array([1]), False)
    rows, place = found.among(np.array([0, 9, 2, 3, 5, 12]))
    assert rows.tolist() == [9, 2, 5]
    assert place.tolist() == [2, 0, 1]
    assert found.places(np.array([9, 2])).tolist() == [2, 0]
    nothing = Listing(np.empty(0, np.int64), np.zeros(0, np.float32), np.empty(0, np.int64), False)
    assert [part.tolist() for part in nothing.among(np.array([0, 3]))] == [[], []]


@pytest.mark.parametrize("many", [0, 1, 50])
def test_scores_that_are_no_numbers_end(many: int, model: Model) -> None:
    score = np.full(len(model.world.catalogue), 1.0, dtype=np.float32)
    score[:many] = np.nan
    users = model.world.users(["stranger"])
    found = listing(Fitted(Told(score), {}), model.world, users, np.ones(len(score), dtype=bool), 5)
    assert np.isnan(found.score).sum() == many
