"""What really came later: training ends at a date, and the real new arrivals and new shoppers follow.

View `arrivals`: the garments first sold after the date, ranked among themselves for shoppers known by then. View
`full`: all garments for the same shoppers. View `newcomers`: all garments for the shoppers who first came after the
date, with their first k items revealed.
"""

import polars as pl

from muslin.data import splits
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Ask, Exam, Protocol, Terms, Told, ask, both, cold, hot, path, sampled
from muslin.features.space import encode


def build(dataset: Dataset, terms: Terms) -> Exam:
    """See the module. A view nobody can be asked in is left out."""
    k_max = terms.k_max
    cuts = {k: splits.by_time(dataset, terms.seed, k=k, k_max=k_max) for k in {*terms.ks, k_max}}
    last = cuts[k_max]
    world = encode(last.train)
    every = both(hot(world), cold(world, last))
    known = last.query.join(last.train.events.select("user_id").unique(), on="user_id", how="semi")
    to_new = known.filter(pl.col("item_id").is_in(list(last.cold_items)))
    strangers = sampled(last.query.join(known, on="user_id", how="anti"), terms, "time newcomers")
    asks: list[Ask] = []
    if len(to_new):
        asks.append(ask(world, "arrivals", sampled(to_new, terms, "time arrivals"), cold(world, last)))
    if len(known):
        asks.append(ask(world, "full", sampled(known, terms, "time full"), every))
    for k in terms.ks if len(strangers) else ():
        among = both(hot(world, path(k)), cold(world, last, path(k)))
        told = Told(k, support=cuts[k].support, left_out=last.support)
        asks.append(ask(world, "newcomers", strangers, among, told))
    return Exam("time", terms.seed, last, world, tuple(asks))


PROTOCOL = Protocol("time", "what really came after a date", (("arrivals", "cold"), ("newcomers", None)), build)
