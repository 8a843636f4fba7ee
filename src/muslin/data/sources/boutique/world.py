"""The latent world: what garments are like, what shoppers like, and when things sell.

Item vector = sum over attributes of (weight x vector of the value) + a residual nothing tells. The vectors of colour,
pattern, material, brand, style and the rest are shared by both domains, so that a taste can travel. A shopper's taste
in accessories is normal; in apparel it is `shared * common + sqrt(1 - shared**2) * own`.

Shape letters: M shoppers, N garments, G designs, K latent dimensions, T days.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from muslin.data.sources.boutique.catalogue import Designs, Garments
from muslin.data.sources.boutique.choice import FINE, GRID, LATENT, Small, quantised
from muslin.data.sources.boutique.config import BoutiqueConfig
from muslin.data.sources.boutique.words import (
    BRANDS,
    CITIES,
    CLUBS,
    COLOURS,
    KINDS,
    MATERIALS,
    MOTIFS,
    PATTERNS,
    SEASON_NAMES,
    SEGMENTS,
    SILHOUETTES,
    STYLES,
)
from muslin.random import stream
from muslin.types import Ints

_FIRST_DAY = 60  # of the year: the log begins on 1 March
_PEAKS = (105, 196, 288, 15)  # day of the year at which each season sells best
_FRESH_DAYS = 10.0  # over which the lift of a new arrival fades
_WEEKEND = 1.3  # how much more is looked at on a Saturday or Sunday
_ACTIVITY_SPREAD = 0.8
_UNKNOWN = 0.08  # share of profile values left empty


@dataclass(frozen=True)
class Shoppers:
    """Latent shoppers: `taste` [M, 2, K] per domain (accessories, apparel) in 1/32; `activity` [M] >= 0, relative.

    `shares` [M, 2]: chance that a shopper's event falls in each domain.
    """

    taste: Small
    activity: NDArray[np.float64]
    shares: NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Everything events are drawn from.

    `vectors` [N, K] in 1/32, `base` [N] in 1/1024 nats: everybody's liking, exposure and time on the shelf.
    `calendar` [G, T]: whole-number demand for each design on each day, 0 before it arrives. `directions` [S, K] in
    1/32: what each segment stands for.
    """

    vectors: Small
    base: NDArray[np.int32]
    calendar: Ints
    directions: Small


def world(config: BoutiqueConfig, garments: Garments, seed: int) -> World:
    """The latent side of `garments`."""
    told, directions = _told(garments, seed)
    latent = np.sqrt(1 - config.residual) * told + np.sqrt(config.residual) * _untold(garments, seed)
    vectors = quantised(config.taste_strength / np.sqrt(LATENT) * latent[:, :LATENT])
    calendar = _calendar(config, garments.designs)
    on_shelf = np.log(calendar.sum(axis=1) / calendar.sum(axis=1).max())[garments.design]
    liked = latent[:, LATENT]
    shown = _exposure(garments, liked, seed)
    base = config.popularity_spread * liked + config.exposure_bias * shown + on_shelf
    return World(vectors, np.rint(base * GRID).astype(np.int32), calendar, directions)


def shoppers(config: BoutiqueConfig, seed: int) -> Shoppers:
    """Tastes and habits of all shoppers."""
    rng = stream(seed, "boutique", "taste")
    common, own = rng.standard_normal((2, config.n_users, LATENT), dtype=np.float32)
    shared = config.shared_taste
    taste = np.stack([common, shared * common + np.sqrt(1 - shared**2) * own], axis=1)
    habits = stream(seed, "boutique", "habits")
    activity = np.exp(_ACTIVITY_SPREAD * habits.standard_normal(config.n_users))
    odds = np.log(config.apparel_share / (1 - config.apparel_share)) + 0.6 * habits.standard_normal(config.n_users)
    apparel = np.rint(2**16 / (1 + np.exp(-odds))).clip(1, 2**16 - 1) / 2**16
    return Shoppers(quantised(taste), activity, np.stack([1 - apparel, apparel], axis=1))


def profiles(config: BoutiqueConfig, people: Shoppers, world: World, ids: pl.Series, seed: int) -> pl.DataFrame:
    """`users.parquet`: columns read off the taste, noisily, so that profiles tell something and tastes stay normal."""
    rng = stream(seed, "boutique", "profiles")
    signal, noise = config.profile_signal, np.sqrt(1 - config.profile_signal**2)
    m = len(ids)
    other = quantised(rng.standard_normal((2, LATENT)))
    lean = _lean(config, people, np.concatenate([world.directions, other]))
    seen = signal * lean + noise * rng.standard_normal(lean.shape)
    keen = signal * np.log(people.activity) / _ACTIVITY_SPREAD + noise * rng.standard_normal(m)
    age = np.rint(40 + 13 * seen[:, -2]).clip(16, 85)
    frame = pl.DataFrame(
        {
            "user_id": ids,
            "age": pl.Series(age, dtype=pl.Float64),
            "segment": pl.Series(SEGMENTS).gather(seen[:, : len(SEGMENTS)].argmax(axis=1)),
            "city": pl.Series(CITIES).gather(np.searchsorted([-0.8, 0.0, 0.8], seen[:, -1])),
            "club": pl.Series(CLUBS).gather(np.searchsorted([0.3, 1.2], keen)),
        }
    )
    gone = rng.random((m, 2)) < _UNKNOWN
    hide = [
        pl.when(pl.Series(gone[:, i])).then(None).otherwise(pl.col(c)).alias(c) for i, c in enumerate(("age", "city"))
    ]
    return frame.with_columns(hide)


def _lean(config: BoutiqueConfig, people: Shoppers, directions: Small) -> NDArray[np.float64]:
    """How far tastes point in `directions` [V, K], over both domains: [M, V] of unit variance."""
    both = people.taste.astype(np.int64).sum(axis=1) @ directions.astype(np.int64).T
    length = np.sqrt((directions.astype(np.float64) ** 2).sum(axis=1))
    return np.asarray(both / (FINE * length * np.sqrt(2 + 2 * config.shared_taste)))


def _told(garments: Garments, seed: int) -> tuple[NDArray[np.float64], Small]:
    """What attributes say of each garment [N, K+1] (last: everybody's liking), and the styles' directions [S, K]."""
    rng = stream(seed, "boutique", "meaning")
    d, row = garments.designs, garments.design
    category = sorted({k.category for k in KINDS})
    parts: list[tuple[float, int, Ints]] = [
        (1.1, len(STYLES), d.style[row]),
        (0.9, len(KINDS), d.kind[row]),
        (0.5, len(category), np.array([category.index(k.category) for k in KINDS])[d.kind[row]]),
        (0.9, len(COLOURS), garments.colour),
        (0.8, len(PATTERNS), d.pattern[row]),
        (0.4, len(SILHOUETTES), d.silhouette[row]),
        (0.5, len(MATERIALS), d.material[row]),
        (0.3, len(SEASON_NAMES), d.season[row]),
        (0.7, len(BRANDS), d.brand[row]),
        (0.7, len(MOTIFS), d.motif[row]),
    ]
    meanings = [rng.standard_normal((size, LATENT + 1)) for _, size, _ in parts]
    dear = 0.4 * d.dearness[row][:, None] * rng.standard_normal(LATENT + 1)
    total = sum((weight * meaning[code] for (weight, _, code), meaning in zip(parts, meanings, strict=True)), dear)
    scale = np.sqrt(0.4**2 + sum(weight**2 for weight, _, _ in parts))
    return np.asarray(total / scale), quantised(meanings[0][:, :LATENT])


def _untold(garments: Garments, seed: int) -> NDArray[np.float64]:
    """What nothing says of each garment [N, K+1]: mostly its design, partly the variant."""
    rng = stream(seed, "boutique", "residual")
    of_design = rng.standard_normal((len(garments.designs.kind), LATENT + 1))
    of_variant = rng.standard_normal((len(garments.design), LATENT + 1))
    return np.asarray(np.sqrt(0.7) * of_design[garments.design] + np.sqrt(0.3) * of_variant)


def _exposure(garments: Garments, liked: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Log-scale lift [N] of unit variance: shops show more of what is liked and of what has long been there."""
    arrival = garments.designs.arrival[garments.design]
    early = -(arrival - arrival.mean()) / max(float(arrival.std()), 1.0)
    luck = stream(seed, "boutique", "exposure").standard_normal(len(arrival))
    return np.asarray(np.sqrt(0.4) * liked + np.sqrt(0.2) * early + np.sqrt(0.4) * luck)


def _calendar(config: BoutiqueConfig, designs: Designs) -> Ints:
    day = np.arange(config.days)
    peaks = np.array(_PEAKS)[:, None]
    wave = np.cos(2 * np.pi * (day + _FIRST_DAY - peaks) / 365)
    demand = np.exp(config.season_strength * np.vstack([wave, np.zeros(config.days)]))[designs.season]
    age = day - designs.arrival[:, None]
    fresh = 1 + np.exp(-np.maximum(age, 0) / _FRESH_DAYS)
    weekday = np.where((day + 4) % 7 >= 5, _WEEKEND, 1.0)  # 1 March 2024 is a Friday
    return np.asarray(np.rint(2**16 * demand * fresh * weekday * (age >= 0)), dtype=np.int64)
