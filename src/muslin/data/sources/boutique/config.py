"""The dials of the planted world."""

import math
from dataclasses import dataclass, fields

from muslin.errors import UsageError

_LIMITS: dict[str, tuple[float, float]] = {
    "n_items": (20, 1_000_000),
    "n_users": (1, 10_000_000),
    "n_events": (1, 500_000_000),
    "shared_taste": (0.0, 1.0),
    "apparel_share": (0.01, 0.99),
    "days": (7, 365),
    "taste_strength": (0.0, 4.0),
    "residual": (0.0, 1.0),
    "popularity_spread": (0.0, 2.0),
    "exposure_bias": (0.0, 2.0),
    "season_strength": (0.0, 2.0),
    "new_share": (0.0, 0.9),
    "profile_signal": (0.0, 1.0),
    "event_noise": (0.0, 10.0),
}


@dataclass(frozen=True, kw_only=True)
class BoutiqueConfig:
    """What the world is like. Everything else follows from these and a seed."""

    n_items: int = 2000
    """Garments, variants counted one by one (20 to 1,000,000)."""
    n_users: int = 5000
    """Shoppers; some may happen to have no event."""
    n_events: int = 80_000
    """Events, exactly."""
    shared_taste: float = 0.7
    """Correlation (0..1) between a shopper's taste in accessories and in apparel."""
    apparel_share: float = 0.2
    """Mean share of events on apparel, the target domain; the rest are on accessories, the rich source."""
    pictures: bool = True
    """Whether to draw `images.parquet`."""
    days: int = 60
    """Length of the event log, from 2024-03-01 (at most 365)."""
    taste_strength: float = 1.8
    """Standard deviation of log-probability over items that is due to personal taste."""
    residual: float = 0.25
    """Share (0..1) of an item's taste vector that no column, title or picture tells: bounds what content can do."""
    popularity_spread: float = 0.5
    """Standard deviation of log-probability over items that is due to how much everybody likes them."""
    exposure_bias: float = 0.6
    """Standard deviation of log-probability that is due to being shown more: liked and older garments are."""
    season_strength: float = 0.6
    """Amplitude (log scale) with which a garment's demand follows its season."""
    new_share: float = 0.3
    """Share of designs that arrive after the first day; none has an event before it arrives."""
    profile_signal: float = 0.7
    """Correlation (0..1) between profile columns and the taste they are read off."""
    event_noise: float = 1.0
    """Noise, in units of utility, in how far a visit goes from view to purchase."""

    def __post_init__(self) -> None:
        """Raise `UsageError` (`bad_option`) naming the first field out of range."""
        for field in fields(self):
            if field.name not in _LIMITS:
                continue
            value, (low, high) = getattr(self, field.name), _LIMITS[field.name]
            whole = field.type is int
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or math.isnan(value):
                kind = "a whole number" if whole else "a number"
                raise UsageError(f"{value!r} is not {kind}", code="bad_option", where=field.name, fix=f"give {kind}")
            if not low <= value <= high:
                fix = f"choose a value from {low:g} to {high:g}"
                raise UsageError(f"{value} is out of range", code="bad_option", where=field.name, fix=fix)
