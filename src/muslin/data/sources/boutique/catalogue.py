"""The garments: designs, their colour variants, and the tables and titles a shop would keep of them.

Shape letters: G designs, N garments (variants).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from muslin.data.sources.boutique.config import BoutiqueConfig
from muslin.data.sources.boutique.words import (
    BRANDS,
    COLOURS,
    DEPARTMENTS,
    KINDS,
    MATERIALS,
    MOTIFS,
    PATTERNS,
    SEASON_NAMES,
    SILHOUETTES,
    STYLES,
    Colour,
    Word,
)
from muslin.random import stream
from muslin.types import Bools, Floats, Ints

_MAX_VARIANTS = 5
_VARIANT_ODDS = (0.3, 0.25, 0.2, 0.15, 0.1)
_STYLE_TITLED = 0.85  # share of titles that betray the style
_MATERIAL_TITLED = 0.6
_STOCK_AGE = 240  # days; the oldest design of the first day


@dataclass(frozen=True)
class Designs:
    """Attributes of each design: codes [G] into `words`, and what the picture and the calendar need.

    `price` [G] is in the shop's currency, `dearness` [G] the price in standard deviations within its type, `arrival`
    [G] the day it came, negative when it was there before the log begins, `accent` [G] the pattern's colour.
    """

    kind: Ints
    style: Ints
    pattern: Ints
    silhouette: Ints
    material: Ints
    season: Ints
    brand: Ints
    motif: Ints
    accent: Ints
    price: Floats
    dearness: Floats
    arrival: Ints


@dataclass(frozen=True)
class Garments:
    """All variants: `design` [N] is non-decreasing, `colour` [N] differs within a design, `ids` [N] are unique."""

    designs: Designs
    design: Ints
    colour: Ints
    ids: Sequence[str]
    families: Sequence[str]

    @property
    def domain(self) -> Ints:
        """[N] index into `DEPARTMENTS`."""
        return _domain_of_kind()[self.designs.kind[self.design]]


def garments(config: BoutiqueConfig, seed: int) -> Garments:
    """All garments of a world."""
    rng = stream(seed, "boutique", "variants")
    sizes = rng.choice(_MAX_VARIANTS, config.n_items, p=_VARIANT_ODDS) + 1
    n_designs = int(np.searchsorted(np.cumsum(sizes), config.n_items)) + 1
    design = np.repeat(np.arange(n_designs), sizes[:n_designs])[: config.n_items]
    nth = np.arange(config.n_items) - np.searchsorted(design, design)
    wheel = np.argsort(rng.random((n_designs, len(COLOURS))), axis=1)
    codes = rng.choice(10_000_000, n_designs, replace=False)
    families = [f"{code:07d}" for code in codes[design].tolist()]
    ids = [f"{family}{n + 1:03d}" for family, n in zip(families, nth.tolist(), strict=True)]
    return Garments(_designs(config, seed, n_designs), design, wheel[design, nth], ids, families)


def table(garments: Garments, seed: int) -> pl.DataFrame:
    """`items.parquet`: what the shop knows, none of the latent style, motif or arrival."""
    d, row = garments.designs, garments.design
    kind = d.kind[row]
    department = [k.department for k in KINDS]
    title, title_zh = _titles(garments, seed)
    return pl.DataFrame(
        {
            "item_id": pl.Series(garments.ids, dtype=pl.String),
            "family": pl.Series(garments.families, dtype=pl.String),
            "domain": _named(department, kind),
            "department": _named(department, kind),
            "category": _named([k.category for k in KINDS], kind),
            "type": _named([k.en for k in KINDS], kind),
            "colour": _named([c.en for c in COLOURS], garments.colour),
            "pattern": _named([p.en for p in PATTERNS], d.pattern[row]),
            "silhouette": _named([s.en for s in SILHOUETTES], d.silhouette[row]),
            "material": _named([m.en for m in MATERIALS], d.material[row]),
            "season": _named(SEASON_NAMES, d.season[row]),
            "brand": _named(BRANDS, d.brand[row]),
            "price": pl.Series(d.price[row].astype(np.float64).round(2)),
            "title": title,
            "title_zh": title_zh,
        }
    )


def _designs(config: BoutiqueConfig, seed: int, n: int) -> Designs:
    rng = stream(seed, "boutique", "designs")
    kind = _kinds(rng, n)
    style = rng.integers(0, len(STYLES), n)
    allowed = np.array([[m in k.materials for m in range(len(MATERIALS))] for k in KINDS])
    brand_size = 1 / np.arange(1, len(BRANDS) + 1) ** 0.6
    brand = _leaning(rng, style, brand_size, 0.9)
    material = _pick(rng, allowed[kind] * np.exp(0.6 * rng.standard_normal((len(STYLES), len(MATERIALS))))[style])
    season = _pick(rng, np.array([k.seasons for k in KINDS], dtype=float)[kind])
    dearness = _dearness(rng, brand)
    usual = np.array([k.price for k in KINDS])[kind]
    return Designs(
        kind=kind,
        style=style,
        pattern=_leaning(rng, style, np.array([3.0, *[1.0] * (len(PATTERNS) - 1)]), 0.8),
        silhouette=_leaning(rng, style, np.ones(len(SILHOUETTES)), 0.4),
        material=material,
        season=season,
        brand=brand,
        motif=_pick(rng, np.tile([4.0, *[1.0] * (len(MOTIFS) - 1)], (n, 1))),
        accent=rng.integers(0, len(COLOURS), n),
        price=(np.rint(usual * np.exp(0.4 * dearness)) - 0.01).astype(np.float32),
        dearness=dearness,
        arrival=_arrivals(config, seed, n),
    )


def _kinds(rng: np.random.Generator, n: int) -> Ints:
    """Types [n]; every department gets a design, so that neither domain is ever empty."""
    of = _domain_of_kind()
    kind = rng.integers(0, len(KINDS), n)
    for department in range(len(DEPARTMENTS)):
        kind[department] = rng.choice(np.flatnonzero(of == department))
    return kind


def _dearness(rng: np.random.Generator, brand: Ints) -> Floats:
    level = rng.standard_normal(len(BRANDS))
    return np.asarray(0.7 * level[brand] + 0.7 * rng.standard_normal(len(brand))).astype(np.float32)


def _arrivals(config: BoutiqueConfig, seed: int, n: int) -> Ints:
    """Day of arrival [n]: stock is up to `_STOCK_AGE` days old, new designs come in the first 85 % of the log."""
    rng = stream(seed, "boutique", "arrivals")
    stock = -rng.integers(0, _STOCK_AGE, n)
    new = rng.integers(1, max(2, int(config.days * 0.85)), n)
    late = rng.random(n) < config.new_share
    late[: len(DEPARTMENTS)] = False
    return np.where(late, new, stock)


def _leaning(rng: np.random.Generator, style: Ints, base: np.ndarray, strength: float) -> Ints:
    """Values drawn by `base` odds that each style bends in its own way: what makes style partly guessable."""
    bent = base * np.exp(strength * rng.standard_normal((len(STYLES), len(base))))
    return _pick(rng, bent[style])


def _pick(rng: np.random.Generator, odds: np.ndarray) -> Ints:
    """One column [R] of each row of `odds` [R, V], drawn in proportion."""
    ends = np.cumsum(odds, axis=1)
    return np.asarray((ends <= rng.random((len(odds), 1)) * ends[:, -1:]).sum(axis=1), dtype=np.int64)


def _titles(garments: Garments, seed: int) -> tuple[pl.Series, pl.Series]:
    """English and Chinese titles; both tell the style or neither does."""
    d, row = garments.designs, garments.design
    rng = stream(seed, "boutique", "titles")
    n = len(d.kind)
    styled, fabric = rng.random(n) < _STYLE_TITLED, rng.random(n) < _MATERIAL_TITLED
    synonyms = len(STYLES[0])
    style = d.style * synonyms + rng.integers(0, synonyms, n)
    words: list[tuple[Sequence[Word | Colour], Ints, Bools | None]] = [
        ([w for style_words in STYLES for w in style_words], style[row], styled[row]),
        (COLOURS, garments.colour, None),
        (PATTERNS, d.pattern[row], d.pattern[row] > 0),
        (MATERIALS, d.material[row], fabric[row]),
        ([Word(k.en, k.zh) for k in KINDS], d.kind[row], None),
    ]
    english = [_named([w.en + " " for w in vocabulary], code, shown) for vocabulary, code, shown in words]
    chinese = [_named([w.zh for w in vocabulary], code, shown) for vocabulary, code, shown in words]
    joined = pl.select(en=pl.concat_str(english).str.strip_chars(), zh=pl.concat_str(chinese))
    first = pl.col("en").str.head(1).str.to_uppercase() + pl.col("en").str.slice(1)
    return joined.select(first)["en"], joined["zh"]


def _named(names: Sequence[str], codes: Ints, shown: Bools | None = None) -> pl.Series:
    """`names` of `codes`; empty where not `shown`."""
    if shown is not None:
        names, codes = [*names, ""], np.where(shown, codes, len(names))
    return pl.Series(names, dtype=pl.String).gather(codes)


def _domain_of_kind() -> Ints:
    return np.array([DEPARTMENTS.index(k.department) for k in KINDS], dtype=np.int64)
