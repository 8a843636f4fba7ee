"""A tiny shop made by hand, models of it, and clients of their services."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import uvicorn
from litestar import Litestar
from litestar.testing import TestClient

from muslin.data.dataset import Dataset
from muslin.data.schema import ItemRoles, Roles, Schema
from muslin.engine.model import Model
from muslin.http.app import create_app
from muslin.http.listen import configured, listening
from muslin.recipes.fit import fit

_DAY = datetime(2024, 3, 1, tzinfo=UTC)
_LIKES = {"ann": "dress1 dress2 scarf1", "bob": "shirt1 shirt2", "cat": "dress1 scarf1 shirt1", "dan": "dress1 shirt2"}


def _items() -> pl.DataFrame:
    """Six garments with events, two without: `dress9` and `shirt9`."""
    rows = [
        ("dress1", "women", "dress", "red", "F", ["S", "M"], "Ada", 20.0, 3.0),
        ("dress2", "women", "dress", "blue", "F", ["M"], "Ada", 30.0, 0.0),
        ("dress9", "women", "dress", "red", "F", ["S"], "Bee", 40.0, None),
        ("scarf1", "women", "scarf", "red", "F", None, "Bee", 10.0, 5.0),
        ("scarf2", "women", "scarf", "grey", None, ["one"], "Cee", 12.0, 1.0),
        ("shirt1", "men", "shirt", "blue", "M", ["L"], "Ada", 25.0, 1.0),
        ("shirt2", "men", "shirt", "grey", "M", ["M", "L"], "Bee", None, 2.0),
        ("shirt9", "men", "shirt", "blue", "M", ["XL"], "Cee", 35.0, 0.0),
    ]
    names = ["item_id", "department", "category", "colour", "gender", "sizes", "brand", "price", "stock"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    domain = pl.when(pl.col("category") == "scarf").then(pl.lit("accessories")).otherwise(pl.lit("apparel"))
    return frame.with_columns(family="item_id", domain=domain)


def _events() -> pl.DataFrame:
    """Purchases; `scarf2` was bought by `eve` only."""
    pairs = [(user, item) for user, liked in (_LIKES | {"eve": "scarf2"}).items() for item in liked.split()]
    return pl.DataFrame(
        {
            "user_id": [user for user, _ in pairs],
            "item_id": [item for _, item in pairs],
            "timestamp": pl.Series([_DAY + timedelta(hours=n) for n in range(len(pairs))]).cast(
                pl.Datetime("us", "UTC")
            ),
            "event": ["purchase"] * len(pairs),
            "weight": pl.Series([5.0] * len(pairs), dtype=pl.Float32),
        }
    )


@pytest.fixture(scope="session")
def shop() -> Dataset:
    """The shop: `fay` has a profile but no event, `gus` neither."""
    roles = ItemRoles(
        categorical=("department", "category", "colour", "gender", "brand"),
        multi=("sizes",),
        numeric=("price",),
        category=("department", "category"),
        price="price",
    )
    users = pl.DataFrame(
        {
            "user_id": ["ann", "bob", "cat", "dan", "eve", "fay", "gus"],
            "club": ["gold", "blue", "gold", "blue", "gold", "gold", None],
        }
    )
    return Dataset(Schema(name="tiny", items=roles, users=Roles(categorical=("club",))), _items(), users, _events())


@pytest.fixture(scope="session")
def bare(shop: Dataset) -> Dataset:
    """The same shop knowing nothing of its garments but their colour."""
    kept = _items().select("item_id", "family", pl.lit("all").alias("domain"), "colour")
    return replace(shop, schema=Schema(name="bare", items=ItemRoles(categorical=("colour",))), items=kept)


@pytest.fixture(scope="session")
def model(shop: Dataset) -> Model:
    return fit(shop, "content_knn")


@pytest.fixture(scope="session")
def client(model: Model) -> Iterator[TestClient]:
    with TestClient(create_app(model), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def serving() -> Iterator[Callable[[Model], TestClient]]:
    """Makes clients of services of other models."""
    with ExitStack() as stack:
        yield lambda model: stack.enter_context(TestClient(create_app(model), raise_server_exceptions=False))


@pytest.fixture
def live() -> Iterator[Callable[[Litestar], tuple[str, int]]]:
    """Runs applications on real sockets, each on a thread of its own."""
    with ExitStack() as stack:

        def begin(app: Litestar) -> tuple[str, int]:
            listener = stack.enter_context(listening("127.0.0.1", 0, locked=False))
            server = uvicorn.Server(configured(app))
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            stack.callback(thread.join)
            stack.callback(setattr, server, "should_exit", True)
            host, port = listener.getsockname()[:2]
            for _ in range(200):
                if server.started:
                    break
                time.sleep(0.02)
            return host, port

        yield begin
