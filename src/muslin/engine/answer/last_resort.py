"""The answer when the model itself fails: what most shoppers took, without asking the model anything."""

import numpy as np

from muslin.engine.answer.answer import DEPTH, Answered, Engine, may_be_shown
from muslin.engine.answer.ask import Ask
from muslin.engine.answer.choice import popular
from muslin.engine.answer.listing import first_of_each


def most_popular(engine: Engine, ask: Ask) -> Answered:
    """Garments that meet the conditions and that the shopper had nothing to do with, most popular first.

    Of a family only the most popular is there.
    """
    world = engine.state.model.world
    mask = may_be_shown(engine.state, ask)
    held = world.users([ask.shopper]).history.indices
    since = world.item_rows([event.item_id for event in ask.events])
    mask[held] = mask[since[since >= 0]] = False
    rows = np.flatnonzero(mask).astype(np.int64)
    count = world.popularity[rows]
    order = np.argsort(-count, kind="stable")
    best = order[first_of_each(world.catalogue.family[rows[order]])][:DEPTH]
    n = len(best)
    return Answered(
        row=rows[best],
        score=count[best].astype(np.float32),
        probability=popular(count, best) if n else np.empty(0, dtype=np.float32),
        path=np.array(["fallback"] * n, dtype=object),
        explored=np.zeros(n, dtype=bool),
        propensity=np.ones(n, dtype=np.float32),
        n=min(ask.n, n),
        fallback=True,
        liked=np.empty(0, dtype=np.int64),
    )
