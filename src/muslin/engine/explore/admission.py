"""Which new garments take part in exploration: those still owed impressions, and not too many at once.

A hundred thousand garments that arrive in one night would each get next to nothing; so the oldest take part, and the
others wait until those have had theirs or are too old.
"""

import numpy as np

from muslin.engine.assortment.sift import NEVER
from muslin.engine.assortment.state import Assortment
from muslin.engine.explore.plan import DAY, Plan
from muslin.types import Ints


def admitted(state: Assortment, impressions: Ints, now: int, opened: int, plan: Plan) -> Ints:
    """Rows that take part at `now` (µs), at most `plan.admitted`, in order of age and then of row.

    `impressions` [N] so far. Garments of the model without events count as having come when the state was `opened`.
    """
    since = state.since.copy()
    cold = np.arange(len(since)) >= state.model.world.catalogue.n_hot
    since[(since == NEVER) & cold] = opened
    young = (since != NEVER) & (now - since < plan.days * DAY)
    open_ = np.flatnonzero(young & ~state.hidden & (impressions < plan.guarantee))
    return open_[np.argsort(since[open_], kind="stable")][: plan.admitted]
