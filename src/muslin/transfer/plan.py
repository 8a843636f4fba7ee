"""What a transfer is asked to try."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from muslin.nets.fine_tuning import Regulariser, Unfreezing

STRENGTHS = (0.0, 1.0, 10.0, math.inf)
"""Lambdas tried: none, two between, and infinity, which keeps what the source taught as it is."""

BETAS = (0.5, 1.0)
"""How far from the source's parameters to the fine-tuned ones a model is taken."""

SHARES = (0.01, 0.05, 0.2, 1.0)
"""Shares of the target's shoppers on the learning curve."""

LEARNER = "two_tower"
"""Method whose parameters are carried: it knows garments by their features alone."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A transfer from `source` to `target`."""

    source: str
    target: str
    regulariser: Regulariser = "l2_sp"
    """R of `min L(f_T) + lambda * R(f_T, f_S)`."""
    unfreezing: Unfreezing = "full"
    """What moves when."""
    strengths: tuple[float, ...] = STRENGTHS
    """Lambdas tried."""
    betas: tuple[float, ...] = BETAS
    """Interpolations tried."""
    popularity: tuple[float, ...] = (0.0, 0.5, 1.0)
    """Weights tried of what the target's known garments sold, beside what is known of their features."""
    learner: Mapping[str, Any] = field(default_factory=dict)
    """Options of the learner that differ from its defaults."""
    bridges: tuple[str, ...] = ()
    """Methods that learn from shoppers in both domains, tried beside; left out where too few are in both."""
    against: tuple[str, ...] = ()
    """Methods shown beside that are not to be shipped."""
    shares: tuple[float, ...] = SHARES
    """Learning curve; empty: none."""
    share: float = 0.4
    """Share of the shoppers in both domains whose target events are hidden, to ask them."""
    seeds: int = 1
    """How many cuts are averaged."""

    @property
    def options(self) -> dict[str, Any]:
        """Options of the learner, which learns what sells wherever a weight of it is tried."""
        return {**self.learner, "popularity": max(self.popularity)}
