"""When first shoppers of new garments are taken in: before the first answer, and whatever came first."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muslin.engine import shop as engine_shop
from muslin.engine import warming
from muslin.engine.model import Model
from muslin.engine.online.online import Online
from muslin.engine.shop import Shop
from muslin.engine.warming import Warming
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop

NOW = 1_700_000_000_000_000


class Counted:
    """A method that counts how often it adapts."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.evidence, self.adapted = inner, inner.evidence, 0

    def init(self, data: Any, seed: int) -> Any:
        return self.inner.init(data, seed)

    def score(self, params: Any, users: Any, items: Any) -> Any:
        return self.inner.score(params, users, items)

    def adapt(self, params: Any, support: Any) -> Any:
        self.adapted += 1
        return self.inner.adapt(params, support)


@pytest.fixture(scope="module")
def model() -> Model:
    return fit(tiny_shop(items=120, users=200, events=500), "prior_knn", {"choose": False})


def counted(model: Model) -> tuple[Model, Counted]:
    method = Counted(model.fitted.method)
    return replace(model, fitted=model.fitted._replace(method=method)), method


def purchase(n: int, user: str, item: str) -> dict[str, Any]:
    at = NOW // 1000 - 1000 + n
    return {"event_id": f"e{n}", "type": "purchase", "user_id": user, "item_id": item, "timestamp": at}


def test_a_shop_that_opens_knows_what_was_told_before_it_answers(model: Model, tmp_path: Path) -> None:
    cold, user = model.world.catalogue.ids[-1], model.world.shoppers.ids[0]
    with Online.open(tmp_path / "s", now=lambda: NOW) as online:
        Shop(model, online)
        online.ingest([purchase(1, user, cold)])
    with Online.open(tmp_path / "s", now=lambda: NOW) as online:
        own, method = counted(model)
        shop = Shop(own, online)
        assert method.adapted == 1
        assert shop.engine().warmed.rows == {len(model.world.catalogue) - 1}
        assert method.adapted == 1


def test_events_that_came_before_the_catalogue_are_taken_in_with_it(model: Model, tmp_path: Path) -> None:
    """An answer between the two looks through the older catalogue, and must not settle the matter."""
    own, method = counted(model)
    user, row = model.world.shoppers.ids[0], {"item_id": "n1", "title": "red dress", "price": 20.0}
    with Online.open(tmp_path / "s", now=lambda: NOW) as online:
        shop = Shop(own, online)
        before = shop.state.model.world
        online.ingest([purchase(1, user, "n1")])  # set aside until there is such a garment
        shop.put([row], NOW)
        after = shop.state.model.world
        for worlds in ([before, after], [after, before, after]):
            kept = Warming(own.fitted, online)
            for world in worlds:
                kept.warmed(world)
                assert kept.now.rows <= {len(before.catalogue)}
            assert kept.now.rows == {len(before.catalogue)}
            assert method.adapted
            method.adapted = 0


def test_garments_nobody_took_are_no_work(model: Model, tmp_path: Path) -> None:
    own, method = counted(model)
    with Online.open(tmp_path / "s", now=lambda: NOW) as online:
        shop = Shop(own, online)
        online.ingest([purchase(1, model.world.shoppers.ids[0], model.world.catalogue.ids[-1])])
        known = shop.engine().warmed
        done = method.adapted
        shop.put([{"item_id": "n2", "title": "red dress", "price": 20.0}], NOW)
        assert shop.engine().warmed.rows == known.rows
        assert method.adapted == done


class Failing(Counted):
    """A method that fails the first time it adapts."""

    def adapt(self, params: Any, support: Any) -> Any:
        if not self.adapted:
            self.adapted += 1
            raise ArithmeticError("no posterior")
        return super().adapt(params, support)


def failing(model: Model) -> Model:
    return replace(model, fitted=model.fitted._replace(method=Failing(model.fitted.method)))


def test_while_the_model_fails_answers_have_what_it_knew_and_say_so(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Exception] = []
    with Online.open(tmp_path / "s", now=lambda: NOW) as online:
        shop = Shop(failing(model), online, failed=heard.append)
        online.ingest([purchase(1, model.world.shoppers.ids[0], model.world.catalogue.ids[-1])])
        for _ in range(3):
            warmed = shop.engine().warmed
            assert (warmed.rows, warmed.as_of) == (frozenset(), 0)
        assert [type(error) for error in heard] == [ArithmeticError]  # it waits before it tries again
        monkeypatch.setattr(warming, "REST", 0.0)
        until = time.monotonic() + 30
        while not shop.engine().warmed.rows and time.monotonic() < until:
            time.sleep(0.01)
        assert (len(shop.engine().warmed.rows), shop.engine().warmed.as_of) == (1, None)
        assert len(heard) == 1


def test_a_model_that_fails_is_not_passed_over_where_nobody_listens(model: Model, tmp_path: Path) -> None:
    with Online.open(tmp_path / "s", now=lambda: NOW) as online:
        shop = Shop(failing(model), online)
        online.ingest([purchase(1, model.world.shoppers.ids[0], model.world.catalogue.ids[-1])])
        with pytest.raises(ArithmeticError):
            shop.engine()


def test_a_shop_that_cannot_be_made_leaves_the_garments_that_there_are(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = model.world.shoppers.ids[0]
    with Online.open(tmp_path / "s", now=lambda: NOW) as online:
        Shop(model, online).put([{"item_id": "n1", "title": "red dress", "price": 20.0}], NOW)
        with monkeypatch.context() as broken:
            broken.setattr(engine_shop, "restored", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                Shop(model, online)
        assert online.ingest([purchase(1, user, "n1")]).pending == 0
