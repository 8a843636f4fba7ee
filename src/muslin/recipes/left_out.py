"""The pairs that a split keeps from training, as rows of the world that was trained on."""

from collections.abc import Collection

import numpy as np

from muslin.data.cutting import Split
from muslin.features.space import World
from muslin.method import Evidence
from muslin.types import Events, Support, preference_matrix


def left_out(world: World, split: Split, evidence: Collection[Evidence]) -> Support:
    """Query of `split` as events of weight 1, new garments and known ones; `world` encodes `split.train`."""
    users, items = (split.query[key].unique().sort().to_list() for key in ("user_id", "item_id"))
    codes = (
        split.query[key].replace_strict(ids, range(len(ids))).to_numpy().astype(np.int64)
        for key, ids in (("user_id", users), ("item_id", items))
    )
    user, item = codes
    pairs = Events(user, item, np.ones(len(user), dtype=np.float32), np.zeros(len(user), dtype=np.int64))
    weight = preference_matrix(pairs, len(users), len(items))
    return Support(world.users(users, evidence=evidence), world.items(items), weight)
