"""The pairs that a split keeps from training, as rows of the world that was trained on."""

from collections.abc import Collection

import numpy as np
import polars as pl

from muslin.data.cutting import PAIR, Split, first_of_pair, liked
from muslin.data.dataset import Dataset
from muslin.features.space import World
from muslin.method import Evidence
from muslin.types import Events, Support, preference_matrix


def left_out(world: World, split: Split, dataset: Dataset, evidence: Collection[Evidence], seed: int) -> Support:
    """Query of `split` as events of weight 1, new garments and known ones, in the order in which they happened.

    `world` encodes `split.train`; `dataset` is what was split; `seed` orders what happened at one time.
    """
    rows = first_of_pair(liked(dataset, seed)).join(split.query, on=PAIR, how="semi", maintain_order="left")
    rows = rows.with_columns(place=pl.int_range(1, pl.len() + 1).over("item_id"))
    users, items = (rows[key].unique().sort().to_list() for key in PAIR)
    user, item = (
        rows[key].replace_strict(ids, range(len(ids))).to_numpy().astype(np.int64)
        for key, ids in zip(PAIR, (users, items), strict=True)
    )

    def cells(value: np.ndarray) -> Events:
        return Events(user, item, value.astype(np.float32), np.zeros(len(user), dtype=np.int64))

    weight, place = (
        preference_matrix(cells(value), len(users), len(items))
        for value in (np.ones(len(user)), rows["place"].to_numpy())
    )
    return Support(world.users(users, evidence=evidence), world.items(items), weight, place)
