"""Known shoppers, known garments: what a cold-start method must not cost."""

from muslin.data import splits
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam, Protocol, Terms, Told, ask, hot, sampled
from muslin.features.space import encode


def build(dataset: Dataset, terms: Terms) -> Exam:
    """See the module."""
    split = splits.warm(dataset, terms.seed)
    world = encode(split.train)
    query = sampled(split.query, terms, "warm")
    return Exam("warm", terms.seed, split, world, (ask(world, "full", query, hot(world), Told(None)),))


PROTOCOL = Protocol("warm", "known shoppers, known garments", (("full", "hot"),), build)
