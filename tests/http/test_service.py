"""The one reference to the model: proof before service, versions, bounds, and swaps."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from muslin.data.dataset import Dataset
from muslin.engine.model import Model
from muslin.errors import ModelError
from muslin.http.body import Limits
from muslin.http.problems import ProblemError
from muslin.http.service import Served, Service, proved, version
from muslin.method import Fitted
from muslin.recipes.fit import fit


class Scripted:
    """A method whose n-th call scores everything with `values[n]`, the last one from then on."""

    evidence = frozenset[Any]()

    def __init__(self, *values: float) -> None:
        self.values = list(values)

    def init(self, data: Any, seed: int) -> dict[str, torch.Tensor]:
        return {}

    def score(self, params: Any, users: Any, items: Any) -> torch.Tensor:
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        return torch.full((len(users), len(items.rows)), value)


def scripted(model: Model, *values: float) -> Model:
    # Without popularity, even the stranger's answer hangs on the method.
    world = replace(model.world, popularity=model.world.popularity * float(values[0]))
    return replace(model, fitted=Fitted(Scripted(*values), {}), world=world)


def test_golden_requests_pass(model: Model) -> None:
    assert proved(scripted(model, 1.0)).model.recommend("ann", 1)["score"][0] == 1.0


@pytest.mark.parametrize("values", [(float("nan"),), (1.0, 2.0)], ids=["not finite", "changing"])
def test_golden_requests_fail(model: Model, values: tuple[float, ...]) -> None:
    with pytest.raises(ModelError) as caught:
        proved(scripted(model, *values))
    assert caught.value.code == "golden_failed"


def test_version_is_of_the_content(shop: Dataset, model: Model, tmp_path: Path) -> None:
    own = version(model)
    assert version(fit(shop, "content_knn")) == own
    assert version(Model.load(model.save(tmp_path / "model"))) == own


def test_version_changes_with_anything_that_changes_answers(shop: Dataset, model: Model) -> None:
    name, value = next(iter(model.fitted.params.items()))
    priced = shop.items.with_columns(price=pl.lit(5.0))
    stocked = shop.items.with_columns(stock=pl.lit(0.0))
    others = [
        fit(shop, "popularity"),
        fit(shop, "content_knn", {"idf_power": 0.5}),
        fit(shop, "content_knn", seed=1),
        replace(model, fitted=Fitted(model.fitted.method, {**model.fitted.params, name: value + 1})),
        fit(replace(shop, items=priced), "content_knn"),
        fit(replace(shop, items=stocked), "content_knn"),
        fit(replace(shop, events=shop.events.head(8)), "content_knn"),
        fit(replace(shop, users=shop.users.with_columns(club=pl.lit("blue"))), "content_knn"),
        model.with_items(pl.DataFrame({"item_id": ["hat1"], "colour": ["red"]})),
    ]
    assert len({version(model), *map(version, others)}) == len(others) + 1


def served(model: Model) -> Served:
    return proved(model)


def test_a_request_keeps_the_model_it_started_with(model: Model, shop: Dataset) -> None:
    first, second = served(model), served(fit(shop, "popularity"))
    seen: list[str] = []

    async def scenario() -> None:
        service = Service(Limits())
        service.open(first)
        entered, go = threading.Event(), threading.Event()

        def work(held: Served) -> str:
            entered.set()
            assert go.wait(10)
            return held.version

        task = asyncio.create_task(service.run(work))
        await asyncio.to_thread(entered.wait, 10)
        service.open(second)
        go.set()
        seen.extend([await task, await service.run(lambda held: held.version)])
        await service.close()

    asyncio.run(scenario())
    assert seen == [first.version, second.version]


def test_work_is_bounded_and_off_the_event_loop(model: Model) -> None:
    limits = Limits(threads=2, waiting=3)

    async def scenario() -> tuple[int, list[str]]:
        service = Service(limits)
        service.open(served(model))
        go, lock = threading.Event(), threading.Lock()
        running, most = 0, 0

        def work(_: Served) -> str:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            assert go.wait(10)
            with lock:
                running -= 1
            return threading.current_thread().name

        tasks = [asyncio.create_task(service.run(work)) for _ in range(limits.threads + limits.waiting)]
        await asyncio.sleep(0)
        # The loop is free although all threads are blocked, and one more is turned away at once.
        with pytest.raises(ProblemError) as caught:
            await service.run(work)
        assert (caught.value.code, caught.value.headers) == ("overloaded", {"Retry-After": "1"})
        go.set()
        names = await asyncio.gather(*tasks)
        assert (await service.run(lambda held: held.model)).fitted is model.fitted
        await service.close()
        return most, names

    most, names = asyncio.run(scenario())
    assert most == 2
    assert len(names) == 5
    assert all(name.startswith("muslin-engine") for name in names)


def test_a_failed_request_makes_room_for_the_next(model: Model) -> None:
    def work(_: Served) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        service = Service(Limits(threads=1, waiting=0))
        service.open(served(model))
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await service.run(work)
        assert (await service.run(lambda held: held.model)).fitted is model.fitted
        await service.close()

    asyncio.run(scenario())
