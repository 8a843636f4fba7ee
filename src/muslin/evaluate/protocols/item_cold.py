"""New garments, whole families held out.

View `within`: the cold items ranked among themselves. View `full`: all items with a training event and the cold ones in
one list, counted apart by what the true item is, because one offset added to all cold scores trades warm for cold at
will, and only the pair of figures says what was bought at what price.
"""

import polars as pl

from muslin.data import splits
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam, Protocol, Terms, ask, both, cold, hot, sampled
from muslin.features.space import encode


def build(dataset: Dataset, terms: Terms) -> Exam:
    """See the module."""
    split = splits.item_cold(dataset, terms.seed)
    world = encode(split.train)
    new = cold(world, split)
    to_new = sampled(split.query.filter(pl.col("item_id").is_in(list(split.cold_items))), terms, "item-cold within")
    asks = (
        ask(world, "within", to_new, new),
        ask(world, "full", sampled(split.query, terms, "item-cold full"), both(hot(world), new)),
    )
    return Exam("item-cold", terms.seed, split, world, asks)


PROTOCOL = Protocol(
    "item-cold", "garments nobody has bought yet, whole families held out", (("within", "cold"),), build
)
