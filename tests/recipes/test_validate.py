import numpy as np
import pytest
import torch

from muslin.data.splits import validation
from muslin.features.space import encode
from muslin.recipes.validate import cold_ndcg


class Planned:
    """Scores the cold items in the order it was given."""

    evidence = frozenset()

    def __init__(self, scores) -> None:
        self.scores = scores

    def score(self, params, users, items):
        return self.scores(users, items)


@pytest.fixture(scope="module")
def cut(shop):
    split = validation(shop, 0, share=0.2)
    return split, encode(split.train)


def test_perfect_scores_give_one_and_constant_ones_give_chance(cut) -> None:
    split, world = cut
    asked = {(u, i) for u, i in split.query.iter_rows()}

    def perfect(users, items):
        names = world.catalogue.ids[items.rows]
        ids = world.shoppers.ids[users.rows]
        return torch.tensor([[float((u, i) in asked) for i in names] for u in ids])

    assert cold_ndcg(Planned(perfect), world, split)({}) == pytest.approx(1.0)
    flat = cold_ndcg(Planned(lambda u, i: torch.zeros(len(u), len(i))), world, split)({})
    cold = len(split.cold_items)
    chance = np.mean(1 / np.log2(np.arange(2, 22))) * min(20, cold) / cold  # of one true item at a random place
    assert 0.3 * chance < flat < 3 * chance
