"""What is hidden of shoppers to fit the scale of the choice."""

import numpy as np
import polars as pl
import pytest

from muslin import registry
from muslin.engine.answer import choice
from muslin.features.space import World, encode
from muslin.method import Fitted
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def world() -> World:
    return encode(tiny_shop(items=120, users=200, events=600))


def test_a_hidden_event_is_in_no_behaviour_profile(world) -> None:
    """Held against profiles of strangers who took only what is left, one at a time."""
    method = registry.build("popularity_segment")
    users, target = choice._hidden(world, 0, Fitted(method, {}))
    assert users.tastes is not None
    seen = 0
    for place in range(len(users)):
        left = world.catalogue.ids[users.history[[place]].indices].tolist()
        hidden = world.catalogue.ids[target[place]]
        own = world.dataset.events.group_by("user_id").agg(pl.col("item_id").unique())
        same = own.filter(pl.col("item_id").list.sort() == sorted([*left, hidden]))["user_id"]
        if len(same) != 1:
            continue
        events = world.dataset.events.filter((pl.col("user_id") == same[0]) & (pl.col("item_id") != hidden))
        alone = world.tastes(["x"], events.with_columns(user_id=pl.lit("x"))).matrix
        np.testing.assert_allclose(users.tastes[[place]].toarray(), alone.toarray(), rtol=1e-5, atol=1e-6)
        seen += 1
    assert seen > 20
