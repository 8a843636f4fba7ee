"""Validation score for early stopping: NDCG@20 among items whose whole families were kept from training."""

from collections.abc import Callable

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin import scoring
from muslin.data.cutting import Split
from muslin.evaluate.metrics import Pairs, parts, values
from muslin.evaluate.ranking import TieBreak, rank
from muslin.features.space import World
from muslin.method import Scorer
from muslin.random import stream
from muslin.types import Params

CUTOFF = 20
_BLOCK = 1024


def cold_ndcg(method: Scorer, world: World, split: Split, *, max_users: int = 5000) -> Callable[[Params], float]:
    """NDCG@20 of parameters on the cold items of `split`, ranked among themselves, for at most `max_users` shoppers.

    `world` encodes `split.train`.
    """
    cold = sorted(split.cold_items)
    place = pl.DataFrame({"item_id": cold, "column": np.arange(len(cold))})
    query = split.query.join(place, on="item_id", how="inner")
    everyone = query["user_id"].unique().sort()  # drawn: ids may tell the age of an account
    ids = everyone.gather(stream(0, "validation").permutation(len(everyone))[:max_users]).sort().to_list()
    query = query.join(pl.DataFrame({"user_id": ids, "row": np.arange(len(ids))}), on="user_id").sort("row", "column")
    row, column = query["row"].to_numpy(), query["column"].to_numpy()
    truth = sp.csr_matrix((np.ones(len(row), np.float32), (row, column)), shape=(len(ids), len(cold)))
    items, users = world.items(cold), world.users(ids, evidence=method.evidence)
    nothing = sp.csr_matrix(truth.shape, dtype=np.float32)

    def validate(params: Params) -> float:
        ranks = []
        for start in range(0, len(ids), _BLOCK):
            block = slice(start, start + _BLOCK)
            scores = scoring.score(method, params, world.popularity, users[block], items).scores.numpy()
            ties = TieBreak(np.arange(len(ids))[block], np.arange(len(cold)))
            ranks.append(rank(scores, truth[block], nothing[block], ties, top=1, method="validation").ranks)
        pairs = Pairs(row, column, np.concatenate(ranks)[:, None])
        return float(values(parts(pairs, CUTOFF)[f"ndcg@{CUTOFF}"])[0])

    return validate
