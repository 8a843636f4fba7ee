"""Draws the events: who, in which domain, which garment, how far the visit went, and when.

Each event is one visit, named by the deepest step it reached. Intensity of shopper u on garment i at day t factorises
as activity_u x P(domain | u) x P(i | u, domain) x P(t | i); seasons and arrival bend P(t | i), and what they add over
the whole log is in the item's base. The garment's probability over the whole log is therefore exact and time-free.

Shape letters: E events, M shoppers, B shoppers of a block.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from muslin.data.sources.boutique.catalogue import Garments
from muslin.data.sources.boutique.choice import GRID, WEIGHTS, blocks, cells, operand
from muslin.data.sources.boutique.config import BoutiqueConfig
from muslin.data.sources.boutique.words import DEPARTMENTS
from muslin.data.sources.boutique.world import Shoppers, World
from muslin.progress import track
from muslin.random import stream
from muslin.types import Ints

START = 1_709_251_200_000_000
"""2024-03-01T00:00:00Z in microseconds: the first moment of every log."""
DAY = 86_400_000_000
"""Microseconds of a day."""
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 10, 11, 13, 12, 10, 10, 11, 13, 16, 20, 22, 19, 11, 5], dtype=np.int64)
_DEEPER = (0.62, 0.86, 0.94)  # shares of events that stay below click, cart, purchase


class Log(NamedTuple):
    """Events in order of time: rows `user` and `item`, `time` (UTC µs), `stage` (index into `words.EVENTS`), all [E].

    `totals` [M, 2]: sum of each shopper's choice weights per domain, which `Truth` divides by.
    """

    user: Ints
    item: Ints
    time: Ints
    stage: Ints
    totals: Ints


def draw(config: BoutiqueConfig, garments: Garments, people: Shoppers, world: World, seed: int) -> Log:
    """`config.n_events` events."""
    counts = _counts(config, people, seed)
    totals = np.zeros(counts.shape, dtype=np.int64)
    # One BLAS thread: blocks are so small that a second one only waits (three times the CPU, and slower).
    with threadpool_limits(limits=1, user_api="blas"):
        parts = [_domain(garments, people, world, counts, totals, d, seed) for d in range(len(DEPARTMENTS))]
    user, item = (np.concatenate(side) for side in zip(*parts, strict=True))
    time = _times(world.calendar, garments.design[item], seed)
    liking = _utility(people, world, user, item, garments.domain)
    order = np.lexsort((item, user, time))
    stage = _stages(liking, config.event_noise, seed)
    return Log(user[order], item[order], time[order], stage[order], totals)


def _counts(config: BoutiqueConfig, people: Shoppers, seed: int) -> Ints:
    """How many events each shopper has in each domain [M, 2]."""
    odds = (people.activity[:, None] * people.shares).ravel()
    drawn = stream(seed, "boutique", "counts").multinomial(config.n_events, odds / odds.sum())
    return np.asarray(drawn, dtype=np.int64).reshape(-1, len(DEPARTMENTS))


def _domain(
    garments: Garments, people: Shoppers, world: World, counts: Ints, totals: Ints, domain: int, seed: int
) -> tuple[Ints, Ints]:
    """(shopper, garment) of all events of a domain, shopper by shopper; fills in `totals[:, domain]`."""
    rows = np.flatnonzero(garments.domain == domain)
    right = operand(world.vectors[rows], world.base[rows])
    user = np.repeat(np.arange(len(counts)), counts[:, domain])
    # Drawn in one go, before any block: the block size cannot matter.
    chance = stream(seed, "boutique", "choice", domain).random(len(user))
    item = np.empty(len(user), dtype=np.int64)
    spans = list(blocks(len(counts), len(rows)))
    for span in track(spans, f"boutique: {DEPARTMENTS[domain]} events", len(spans)):
        ends = np.cumsum(WEIGHTS.take(cells(people.taste[span, domain], right)).ravel())
        edges = np.concatenate([[0], ends[len(rows) - 1 :: len(rows)]])
        totals[span, domain] = np.diff(edges)
        mine = slice(*np.searchsorted(user, (span.start, span.stop)))
        item[mine] = rows[_pick(ends, edges, user[mine] - span.start, chance[mine]) % len(rows)]
    return user, item


def _pick(ends: Ints, edges: Ints, row: Ints, chance: NDArray[np.float64]) -> Ints:
    """Inverse CDF: cell of the flat running sum `ends` that `chance` [E] in 0..1 hits within each `row` [E]."""
    low, high = edges[row], edges[row + 1]
    point = np.minimum(low + (chance * (high - low)).astype(np.int64), high - 1)
    return np.asarray(np.searchsorted(ends, point, side="right"), dtype=np.int64)


def _times(calendar: Ints, design: Ints, seed: int) -> Ints:
    """Moments [E] of visits to `design` [E]: the day by its calendar, the hour by everybody's."""
    rng = stream(seed, "boutique", "times")
    days = calendar.shape[1]
    ends = np.cumsum(calendar.ravel())
    edges = np.concatenate([[0], ends[days - 1 :: days]])
    day = _pick(ends, edges, design, rng.random(len(design))) - design * days
    hours = np.cumsum(_HOURS)
    hour = np.searchsorted(hours, rng.integers(0, hours[-1], len(design)), side="right")
    return np.asarray(START + day * DAY + hour * (DAY // 24) + rng.integers(0, DAY // 24, len(design)))


def _utility(people: Shoppers, world: World, user: Ints, item: Ints, domain: Ints) -> NDArray[np.float64]:
    """Personal liking [E] in nats: taste . vector, free of popularity and exposure."""
    out = np.empty(len(user))
    for start in range(0, len(user), 2**18):
        part = slice(start, start + 2**18)
        taste = people.taste[user[part], domain[item[part]]].astype(np.int32)
        out[part] = (taste * world.vectors[item[part]]).sum(axis=1) / GRID
    return out


def _stages(liking: NDArray[np.float64], noise: float, seed: int) -> Ints:
    """How far each visit went [E]: the better liked the deeper, with fixed shares of each step."""
    felt = liking + noise * stream(seed, "boutique", "stages").standard_normal(len(liking))
    return np.asarray(np.searchsorted(np.quantile(felt, _DEEPER), felt, side="right"), dtype=np.int64)
