"""Keeps count of what was shown, and says which garments may take the slots of a list."""

import math
import threading
from collections.abc import Mapping

import numpy as np

from muslin.engine.answer.listing import Listing
from muslin.engine.assortment.state import Assortment
from muslin.engine.explore.admission import admitted
from muslin.engine.explore.plan import Plan
from muslin.engine.explore.slots import Pool
from muslin.types import Floats, Ints

KNOWN_AT = 10.0
"""Impressions after which half of the doubt about a garment is gone (as variance)."""
FRESH = 1_000_000
"""Microseconds for which a list of those who take part is good, unless the catalogue changes."""


class Explorer:
    """Of one model and its catalogue, whose rows never move. May be used from any thread."""

    def __init__(self, plan: Plan, opened: int, shown: Mapping[str, int] | None = None) -> None:
        self.plan = plan
        self._opened = opened
        self._before = dict(shown or {})
        self._counts = np.empty(0, dtype=np.int64)
        self._lock = threading.Lock()
        self._part: tuple[Assortment, int, Ints] | None = None

    def note(self, state: Assortment, rows: Ints) -> tuple[str, ...]:
        """The garments `rows` were shown; ids of those that this counts for."""
        counted = rows[rows >= state.model.world.catalogue.n_hot]
        with self._lock:
            self._grow(state)
            np.add.at(self._counts, counted, 1)
        return tuple(state.model.world.catalogue.ids[counted].tolist())

    def shown(self, state: Assortment) -> dict[str, int]:
        """How often each garment that was shown at all was shown."""
        with self._lock:
            self._grow(state)
            rows = np.flatnonzero(self._counts)
            named = dict(zip(state.model.world.catalogue.ids[rows].tolist(), self._counts[rows].tolist(), strict=True))
        return self._before | named

    def pool(self, state: Assortment, found: Listing, now: int) -> Pool:
        """Garments that may take a slot for the shopper of the listing `found`: those among its candidates."""
        rows, place = found.among(self._taking_part(state, now))
        times = self._counts[rows]
        doubt = max(_spread(found.score), 1e-9)
        return Pool(
            rows,
            state.model.world.catalogue.family[rows],
            found.score[place].astype(np.float64),
            doubt / np.sqrt(1 + times / KNOWN_AT),
            np.maximum(self.plan.guarantee - times, 0).astype(np.float64),
        )

    def _taking_part(self, state: Assortment, now: int) -> Ints:
        with self._lock:
            part = self._part
            if part is None or part[0] is not state or now - part[1] > FRESH:
                self._grow(state)
                rows = admitted(state, self._counts, now, self._opened, self.plan)
                part = self._part = (state, now, rows)
        return part[2]

    def _grow(self, state: Assortment) -> None:
        """Counts for garments that joined."""
        had, ids = len(self._counts), state.model.world.catalogue.ids
        if had < len(ids):
            new = [self._before.get(name, 0) for name in ids[had:]]
            self._counts = np.concatenate([self._counts, np.array(new, dtype=np.int64)])


def _spread(score: Floats) -> float:
    """Standard deviation; 0 of nothing."""
    if not len(score):
        return 0.0
    off = score - score.mean()
    return math.sqrt(float(off @ off) / len(off))
