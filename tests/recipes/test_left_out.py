"""What a split keeps from training, beside the events themselves."""

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.data.splits import rehearsal
from muslin.features.space import encode
from muslin.recipes.left_out import left_out
from muslin.testing.worlds import tiny_shop


def test_it_has_every_pair_once_and_the_order_of_time_within_each_item() -> None:
    dataset = tiny_shop(items=100, users=120, events=1500)
    split = rehearsal(dataset, 0, share=0.2)
    world = encode(split.train)
    found = left_out(world, split, dataset, {"history", "profile"}, 0)
    items, users = world.catalogue.ids[found.items.rows], split.query["user_id"].unique().sort().to_list()
    first = dataset.events.filter(pl.col("weight") > 0).group_by("user_id", "item_id").agg(pl.col("timestamp").min())
    when = {(u, i): t for u, i, t in first.iter_rows()}
    assert found.place is not None
    pairs = sp.coo_matrix(found.weight)
    assert {(users[u], items[i]) for u, i in zip(pairs.row, pairs.col, strict=True)} == set(split.query.iter_rows())
    assert (found.weight.data == 1).all()
    for column in range(len(items)):
        own = sp.csc_matrix(found.place)[:, [column]].tocoo()
        order = own.row[np.argsort(own.data)]
        assert sorted(own.data) == list(range(1, len(order) + 1))
        times = [when[users[u], items[column]] for u in order]
        assert times == sorted(times)
