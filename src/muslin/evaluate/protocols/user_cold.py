"""New shoppers with their first k items revealed; same query and same candidates for every k.

The items that the largest k reveals are out of everyone's list at every k: at k = 0 they would otherwise stand there as
wrong answers, and the curve would rise by their leaving alone.
"""

from muslin.data import splits
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam, Protocol, Terms, Told, ask, hot, path, sampled
from muslin.features.space import encode


def build(dataset: Dataset, terms: Terms) -> Exam:
    """See the module."""
    k_max = terms.k_max
    cuts = {k: splits.user_cold(dataset, terms.seed, k=k, k_max=k_max) for k in {*terms.ks, k_max}}
    world, left_out = encode(cuts[k_max].train), cuts[k_max].support
    query = sampled(cuts[k_max].query, terms, "user-cold")
    asks = [
        ask(world, "full", query, hot(world, path(k)), Told(k, support=cuts[k].support, left_out=left_out))
        for k in terms.ks
    ]
    return Exam("user-cold", terms.seed, cuts[k_max], world, tuple(asks))


PROTOCOL = Protocol("user-cold", "shoppers nobody has seen yet, after k of their items", (("full", None),), build)
