"""Known and new garments in one list: how much warm accuracy a method pays for cold accuracy.

What a model says of a new garment need not be on the scale of what it says of a known one, and one offset added to all
new scores moves places from known to new at will. So every method is given the offset that grants new garments a fixed
share of the places, without looking at the truth: a view for each share, `new N %`. Of two methods the better has
more cold accuracy at the same warm accuracy; the points of one method, joined, are its curve.
"""

from dataclasses import replace

from muslin.data import splits
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam, Protocol, Terms, ask, both, cold, hot, sampled
from muslin.features.space import encode

SHARES = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Shares of the places that go to new garments."""
_JUDGED = 0.1


def build(dataset: Dataset, terms: Terms) -> Exam:
    """See the module. The cut is that of item-cold."""
    split = splits.item_cold(dataset, terms.seed)
    world = encode(split.train)
    asked = ask(world, "", sampled(split.query, terms, "item-cold full"), both(hot(world), cold(world, split)))
    asks = tuple(replace(asked, view=view(share), new_share=share) for share in SHARES)
    return Exam("mixed", terms.seed, split, world, asks)


def view(share: float) -> str:
    """Name of the view in which new garments get `share` of the places."""
    return f"new {share:.0%}".replace("%", " %")


PROTOCOL = Protocol(
    "mixed",
    "known and new garments in one list, by the places new ones get",
    ((view(_JUDGED), "all"),),
    build,
    "item-cold",
)
