"""Campaign 14: one shopper in a hundred is fake, and all the fakes push one new garment.

Each fake first takes what is popular, to be like many, and then does two hundred things with the garment. Exposure is
the share of real shoppers' lists that have it, beside its honest first shoppers. Expected: it rises to twice as much at
most. Control: a shop that takes every push for a shopper of its own and keeps them all must show it more often than
that.

`python -m benchmarks.reliability.poisoning MODEL`: with a model of a shop whose method learns from first shoppers.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from muslin.engine.answer.answer import answer
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
_POPULAR = 5


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
    """Push the garment; without `capped` every push counts as a shopper of its own."""
    rules = Rules() if capped else Rules(support=100_000, daily_cap=100_000, shopper_rate=10**9)
    with tempfile.TemporaryDirectory() as folder, Online.open(folder, rules) as online:
        shop = Shop(model, online)
        item, honest = _garment(model)
        _send(online, (_event(f"h{n}", name, item) for n, name in enumerate(honest)))
        able = np.setdiff1d(model.world.shoppers.ids[: model.world.shoppers.n_hot].astype(str), honest)
        asked = stream(seed, "lists").permutation(able)[:lists].tolist()
        before = _exposure(shop, asked, item)
        fakes = max(int(SHARE * model.world.shoppers.n_hot), 1)
        _send(online, _pushed(model, item, fakes, apart=not capped))
        return Exposure(len(asked), before, _exposure(shop, asked, item))


def _garment(model: Model) -> tuple[str, list[str]]:
    """The garment without events that content puts in the middle of lists, and shoppers who would like it."""
    world = model.world
    cold = world.catalogue.ids[world.catalogue.n_hot :].tolist()
    found = [model.recommend_to_items(name, HONEST) for name in cold[:20]]
    middle = sorted(range(len(found)), key=lambda n: float(found[n]["score"].mean() or 0.0))[len(found) // 2]
    return cold[middle], found[middle]["user_id"].to_list()


def _exposure(shop: Shop, shoppers: list[str], item: str) -> float:
    engine, row = shop.engine(), shop.state.index(item)
    asks = (Ask(shopper=name, n=N) for name in shoppers)
    lists = [answer(engine, ask, stream(0), 0).part(0, N).row for ask in asks]
    return float(np.mean([row in rows for rows in lists]))


def _pushed(model: Model, item: str, fakes: int, *, apart: bool) -> Iterator[dict[str, Any]]:
    """What the fakes do; `apart`: every push under a name of its own."""
    popular = model.world.catalogue.ids[np.argsort(-model.world.popularity)[:_POPULAR]].tolist()
    for fake in range(fakes):
        for push in range(PUSHES):
            name = f"fake{fake}-{push}" if apart else f"fake{fake}"
            if apart or push == 0:
                yield from (_event(f"p{fake}-{push}-{n}", name, liked) for n, liked in enumerate(popular))
            yield _event(f"x{fake}-{push}", name, item)


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


def main() -> None:
    """Both runs, and whether each is as expected."""
    model = Model.load(Path(sys.argv[1]))
    for capped in (True, False):
        found = run(model, capped=capped)
        passed = (found.rise <= TARGET) == capped
        what = "as served" if capped else "control, without caps"
        print(f"{what}: {found.before:.3f} -> {found.after:.3f} of {found.lists} lists, x{found.rise:.2f}, {passed=}")


if __name__ == "__main__":
    main()
