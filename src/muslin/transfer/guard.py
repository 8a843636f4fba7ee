"""The guard: what is shipped, and whether transferring is shown to help.

Choice and proof use different shoppers. A form is chosen by its mean mark over the segments; it is shipped only if,
among shoppers who had no part in choosing it, its gain over the best model of the target alone is shown to be above
zero in some segment and loses no more than a hundredth in any. Otherwise the target's own model is shipped. What is
best of the target alone is found for each segment by itself: what helps known shoppers may know nothing of new ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TOLERANCE = 0.01
"""Share of the mark that may be lost in one segment for the sake of another."""


@dataclass(frozen=True)
class Gain:
    """Paired gain of a form over `over`, the target's own model that is best in `segment`, with its 95 % interval.

    `null`, `form`: NDCG@20 of both.
    """

    segment: str
    over: str
    null: float
    form: float
    gain: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether the gain is shown to be above zero."""
        return self.low > 0

    @property
    def negative(self) -> bool:
        """Whether transferring is shown to hurt."""
        return self.high < 0


@dataclass(frozen=True)
class Verdict:
    """`chosen` by the first half of the shoppers; `shipped` is it, or the target's own model `null`."""

    null: str
    chosen: str
    shipped: str
    gains: tuple[Gain, ...]

    @property
    def helps(self) -> bool:
        """Whether the transfer is shipped."""
        return self.shipped != self.null


def choose(marks: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """The form with the best mean over cuts and segments; the first of equals. `marks`: by form, one per cut."""
    means = {name: sum(sum(m.values()) / len(m) for m in cuts) / len(cuts) for name, cuts in marks.items()}
    return max(means, key=lambda name: means[name])


def verdict(null: str, chosen: str, gains: Sequence[Gain]) -> Verdict:
    """What is shipped, given the gains of `chosen` over `null`."""
    bearable = all(g.gain >= -TOLERANCE * g.null for g in gains)
    helps = any(g.shown for g in gains) and bearable
    return Verdict(null, chosen, chosen if helps else null, tuple(gains))
