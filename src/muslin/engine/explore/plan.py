"""How much of a list goes to garments nobody knows yet, and which of them take part."""

from dataclasses import dataclass
from typing import Literal

DAY = 86_400_000_000
"""Microseconds of a day."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Bounds of exploration."""

    share: float = 0.1
    """Part of a list that new garments may take."""
    least: int = 5
    """From lists of this length on there is at least one slot; shorter ones have none."""
    guarantee: int = 50
    """Impressions a new garment is owed."""
    days: float = 14.0
    """Age at which a garment is owed nothing more and takes part no longer."""
    admitted: int = 500
    """Garments that take part at once; the oldest come first, the others wait."""
    owed: float = 0.5
    """Probability mass that goes by what garments are owed; the rest goes by how good they may be."""
    policy: Literal["thompson", "ucb"] = "thompson"
    """How the rest is shared: in proportion to the probability of being the best, or all to the highest bound."""
    width: float = 1.5
    """Standard deviations above the mean that `ucb` takes for the bound."""

    def slots(self, n: int) -> int:
        """Slots in a list of `n`."""
        return max(int(self.share * n), 1 if n >= self.least and self.share > 0 else 0)
