"""Recent popularity, counted by hand."""

import numpy as np
import polars as pl

from muslin import registry
from muslin.features.space import encode
from muslin.testing.worlds import tiny_shop


def test_an_event_counts_half_a_half_life_later() -> None:
    shop = tiny_shop()
    world = encode(shop)
    method = registry.build("popularity_recent", registry.entry("popularity_recent").config(half_life=5.0))
    found = method.init(world.data, 0)["count"].numpy()
    newest = shop.events["timestamp"].max()
    last = shop.events.group_by("user_id", "item_id").agg(pl.col("timestamp").max())
    age = (newest - last["timestamp"]).dt.total_microseconds() / 86_400_000_000
    counted = last.with_columns(weight=0.5 ** (age / 5.0)).group_by("item_id").agg(pl.col("weight").sum())
    expected = dict(counted.iter_rows())
    np.testing.assert_allclose(found, [expected[i] for i in world.catalogue.ids[: len(found)]], rtol=1e-5)


def test_what_sold_lately_comes_first() -> None:
    shop = tiny_shop()
    first, second = shop.events["item_id"].unique().sort()[:2]
    others = shop.events.filter(~pl.col("item_id").is_in([first, second]))
    end = pl.lit(shop.events["timestamp"].max())
    row = shop.events.head(1)
    old = [
        row.with_columns(user_id=pl.lit(f"u000{n}"), item_id=pl.lit(first), timestamp=end.dt.offset_by("-25d"))
        for n in range(3)
    ]
    new = [row.with_columns(user_id=pl.lit("u0001"), item_id=pl.lit(second), timestamp=end)]
    world = encode(shop.with_events(pl.concat([others, *old, *new])))
    method = registry.build("popularity_recent")
    scores = method.score(method.init(world.data, 0), world.users(["x"]), world.items([first, second])).numpy()[0]
    assert scores[1] > scores[0]
