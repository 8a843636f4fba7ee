"""What the online state is told of the shop, and its bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from muslin.data.schema import DEFAULT_WEIGHTS

DAY = 86_400_000_000
"""Microseconds of a day."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Bounds and weights; those that shape the state are in `fingerprint`."""

    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    """Weight of each event type; others are rejected. 0: kept, but no evidence of liking."""
    daily_cap: int = 3
    """Events of one type, by one shopper with one garment on one day, that count in sums."""
    support: int = 20
    """First (day, shopper) pairs kept of a garment."""
    history: int = 512
    """Newest (day, garment) pairs kept of a shopper."""
    half_life_days: float | None = None
    """Days after which what a shopper did counts half; None: always the same."""
    trend_days: float = 7.0
    """Days after which a sale counts half in what is popular now."""
    window_days: int = 30
    """Events older than this are refused, and event ids are known for as long."""
    pending_days: int = 7
    """How long events of a garment that the catalogue lacks wait for it."""
    ahead_seconds: float = 300.0
    """How far in the future an event may lie: clocks differ."""
    currency: str | None = None
    """The shop's currency; an event in another one is rejected. None: any."""
    shopper_rate: int = 600
    """Events a minute taken of one shopper."""
    group_events: int = 500
    """Events of one commit, at most (a larger batch still goes in one)."""
    group_seconds: float = 0.005
    """How long a commit waits for more events."""
    queue_events: int = 20_000
    """Events that may wait for the writer; more are refused."""
    snapshot_events: int = 20_000
    """Events after which the state is written down: what a restart replays at most."""
    slots: int = 100_000
    """Garments, and as many shoppers, kept in memory; the least recently used others are read back when needed."""
    low_disk_bytes: int = 64_000_000
    """Free space below which nothing more is taken in."""
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """SQLite's word for when a commit is on the disk. Anything but FULL loses acknowledged events in a power cut."""

    def fingerprint(self) -> str:
        """What the stored state depends on: with other values it is made anew from the log."""
        return repr((sorted(self.weights.items()), self.daily_cap, self.support, self.history))
