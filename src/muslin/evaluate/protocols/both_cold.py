"""New shoppers and new garments at once: what content alone says, of both, and after k known garments of the shopper.

View `within`: the new garments ranked among themselves.
"""

from muslin.data import splits
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam, Protocol, Terms, Told, ask, cold, sampled
from muslin.features.space import encode


def build(dataset: Dataset, terms: Terms) -> Exam:
    """See the module."""
    k_max = terms.k_max
    cuts = {k: splits.both_cold(dataset, terms.seed, k=k, k_max=k_max) for k in {*terms.ks, k_max}}
    last = cuts[k_max]
    world = encode(last.train)
    query, new = sampled(last.query, terms, "both-cold"), cold(world, last)
    asks = [ask(world, "within", query, new, Told(k, support=cuts[k].support)) for k in terms.ks]
    return Exam("both-cold", terms.seed, last, world, tuple(asks))


PROTOCOL = Protocol(
    "both-cold", "new garments for new shoppers, after k known garments of theirs", (("within", "cold"),), build
)
