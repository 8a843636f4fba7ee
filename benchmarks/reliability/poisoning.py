"""Campaign 14: one shopper in a hundred is fake, and all the fakes push one new garment.

Each fake first takes what a real shopper took, another one's for each, to be like as many as possible, and then does
two hundred things with the garment. Exposure is the share of real shoppers' lists that have it, beside its honest first
shoppers. Expected: it rises to twice as much at most. Control: a shop that takes every push for a shopper of its own,
each like another real one, and keeps them all must show it more often than that.
"""

import tempfile
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.reliability.campaign import Campaign, Found, sized
from muslin.engine.answer.answer import Engine, answer
from muslin.engine.answer.ask import Ask
from muslin.engine.model import Model
from muslin.engine.online.online import Online, clock
from muslin.engine.online.rules import Rules
from muslin.engine.shop import Shop
from muslin.random import stream

N, PUSHES, HONEST = 20, 200, 10
SHARE = 0.01
"""Fake shoppers for each real one."""
TARGET = 2.0
"""Times that exposure may rise."""
MOST = 1000
"""Names that the control's pushes go by at most."""
_TAKEN = 5


class Exposure(NamedTuple):
    """Of `lists`, the share that had the garment: beside its honest shoppers, and with the fakes as well."""

    lists: int
    before: float
    after: float

    @property
    def rise(self) -> float:
        """How many times it rose; from nothing, as if from one list."""
        return self.after / max(self.before, 1 / self.lists)


def run(model: Model, lists: int = 200, *, capped: bool = True, seed: int = 0) -> Exposure:
    """Push the garment; without `capped` every push counts as a shopper of its own, and none is left out."""
    rules = Rules(shopper_rate=10**9) if capped else Rules(support=100_000, daily_cap=100_000, shopper_rate=10**9)
    with tempfile.TemporaryDirectory() as folder, Online.open(folder, rules) as online:
        shop = Shop(model, online)
        item, honest = _garment(model)
        _send(online, (_event(f"h{n}", name, item) for n, name in enumerate(honest)))
        able = np.setdiff1d(model.world.shoppers.ids[: model.world.shoppers.n_hot].astype(str), honest)
        asked = stream(seed, "lists").permutation(able)[:lists].tolist()
        before = _exposure(shop, online, asked, item)
        fakes = max(int(SHARE * model.world.shoppers.n_hot), 1)
        _send(online, _pushed(model, item, fakes, apart=not capped))
        return Exposure(len(asked), before, _exposure(shop, online, asked, item))


def _garment(model: Model) -> tuple[str, list[str]]:
    """The garment without events that content puts in the middle of lists, and shoppers who would like it."""
    world = model.world
    cold = world.catalogue.ids[world.catalogue.n_hot :].tolist()
    found = [model.recommend_to_items(name, HONEST) for name in cold[:20]]
    middle = sorted(range(len(found)), key=lambda n: float(found[n]["score"].mean() or 0.0))[len(found) // 2]
    return cold[middle], found[middle]["user_id"].to_list()


def _learned(shop: Shop, online: Online) -> Engine:
    """What answers once it knows all that was told; learning may happen beside the answers."""
    engine = shop.engine()
    while engine.warmed.version != online.changes(0)[0]:
        time.sleep(0.01)
        engine = shop.engine()
    return engine


def _exposure(shop: Shop, online: Online, shoppers: list[str], item: str) -> float:
    engine, row = _learned(shop, online), shop.state.index(item)
    asks = (Ask(shopper=name, n=N) for name in shoppers)
    lists = [answer(engine, ask, stream(0), 0).part(0, N).row for ask in asks]
    return float(np.mean([row in rows for rows in lists]))


def _pushed(model: Model, item: str, fakes: int, *, apart: bool) -> Iterator[dict[str, Any]]:
    """What the fakes do; `apart`: every push under a name of its own, `MOST` of them."""
    matrix, ids = model.world.data.matrix(), model.world.catalogue.ids
    like = stream(0, "fakes").permutation(matrix.shape[0])
    for fake in range(min(fakes * PUSHES, MOST) if apart else fakes):
        row = like[fake % len(like)]
        took = ids[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]][:_TAKEN].tolist()
        yield from (_event(f"p{fake}-{n}", f"fake{fake}", liked) for n, liked in enumerate(took))
        yield from (_event(f"x{fake}-{push}", f"fake{fake}", item) for push in range(1 if apart else PUSHES))


def _event(event_id: str, user: str, item: str) -> dict[str, Any]:
    now = clock() // 1000
    return {"event_id": event_id, "type": "purchase", "user_id": user, "item_id": item, "timestamp": now}


def _send(online: Online, events: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for event in events:
        batch.append(event)
        if len(batch) == 500:
            online.ingest(batch)
            batch = []
    online.ingest(batch)


def promised(scale: float) -> Found:
    """Planted shops, with a method that believes first shoppers most and one that takes means of them."""
    from muslin.recipes.fit import fit
    from muslin.testing.worlds import tiny_shop

    shops, found = sized(10, scale, 1), Found()
    for method in ("gp_residual", "prior_knn"):
        models = [
            fit(tiny_shop(seed, items=600, users=1500, events=7000), method, {"choose": False}) for seed in range(shops)
        ]
        right = _together([run(model, seed=seed) for seed, model in enumerate(models)])
        found.done[f"{method}: lists with the garment"] = f"{right.before:.1%} → {right.after:.1%} of {right.lists}"
        if right.rise > TARGET:
            found.failures.append(f"{method}: exposure rises to {right.rise:.2f} times what it was")
        if method == "gp_residual":
            wrong = _together([run(model, capped=False, seed=seed) for seed, model in enumerate(models[:2])])
            found.controls["every push a shopper of its own"] = wrong.rise > TARGET
    found.done["shops"] = shops
    return found


def _together(some: list[Exposure]) -> Exposure:
    lists = sum(one.lists for one in some)
    before, after = (sum(getattr(one, name) * one.lists for one in some) / lists for name in ("before", "after"))
    return Exposure(lists, before, after)


CAMPAIGN = Campaign(
    14, "poisoning", "poisoning bounded", "1 % fake users push one item: exposure rises to 2 times at most", promised
)
