"""New garments after their first k shoppers, and new shoppers after their first k garments: one query for every k.

View `garments`: new garments that sold often enough to be asked about, ranked among themselves for known shoppers,
once the first k who took each are known. View `garments, whole catalogue`: the same with all known garments in the
list. View `shoppers`: new shoppers, as in user-cold. What is revealed at the largest k is out of everyone's list at
every k.
"""

import polars as pl

from muslin.data import splits
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam, Protocol, Terms, Told, ask, both, cold, hot, path, sampled
from muslin.features.space import encode


def build(dataset: Dataset, terms: Terms) -> Exam:
    """See the module."""
    k_max = terms.k_max
    cuts = {k: splits.k_shot(dataset, terms.seed, k=k, k_max=k_max) for k in {*terms.ks, k_max}}
    last = cuts[k_max]
    world = encode(last.train)
    of_new = pl.col("item_id").is_in(list(last.cold_items))
    garments = sampled(last.query.filter(of_new), terms, "k-shot garments")
    shoppers = sampled(last.query.filter(~of_new), terms, "k-shot shoppers")
    asks = []
    for k in terms.ks:
        new, told = cold(world, last, path(k)), Told(k, revealed=cuts[k].revealed, left_out=last.revealed)
        asks.append(ask(world, "garments", garments, new, told))
        asks.append(ask(world, "garments, whole catalogue", garments, both(hot(world), new), told))
        known = Told(k, support=cuts[k].support, left_out=last.support)
        asks.append(ask(world, "shoppers", shoppers, hot(world, path(k)), known))
    return Exam("k-shot", terms.seed, last, world, tuple(asks))


PROTOCOL = Protocol(
    "k-shot",
    "new garments after k of their shoppers, new shoppers after k of their garments",
    (("garments", None), ("shoppers", None)),
    build,
)
