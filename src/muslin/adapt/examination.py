"""When to stop: how high garments that act as new are ranked by their later shoppers, after 0, 1 and 3 events."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from muslin.method import Adaptable
from muslin.nets.episodes import Cases, hidden
from muslin.types import Params, TrainData

KS = (1, 3)
"""Events told, beside none at all."""
_ASKED = 2
"""Shoppers left to be asked, of a garment that may act as new."""
_COUNT = 256
"""Garments that act as new at most."""
_HARM = 2.0
"""How much a loss by the first event counts beside the mean over all."""


def examined(method: Adaptable, data: TrainData, seed: int) -> tuple[TrainData, Callable[[Params], float]] | None:
    """`data` without the families of some garments, and the judge of what is learned from the rest; None: too few."""
    cases = hidden(data, _COUNT, seed, ks=KS, asked=_ASKED)
    if cases is None:
        return None
    return _left(data, cases), lambda params: _judged(method, params, cases)


def _left(data: TrainData, cases: Cases) -> TrainData:
    stay = cases.stay
    place = np.full(len(data.catalogue), -1, dtype=np.int64)
    place[stay] = np.arange(len(stay))
    kept = place[data.events.item] >= 0
    events = replace(
        data.events,
        user=data.events.user[kept],
        item=place[data.events.item[kept]],
        weight=data.events.weight[kept],
        time=data.events.time[kept],
    )
    exposed = None if data.exposed is None else sp.csr_matrix(data.exposed[:, stay])
    return replace(data, catalogue=cases.known(), events=events, exposed=exposed)


def _judged(method: Adaptable, params: Params, cases: Cases) -> float:
    worth = [cases.worth(method.score(params, cases.users, cases.items).numpy())]
    for support in cases.told:
        adapted = method.adapt(params, support)
        worth.append(cases.worth(method.score(adapted, cases.users, cases.items).numpy()))
    return float(np.mean(worth)) - _HARM * max(0.0, worth[0] - worth[1])
